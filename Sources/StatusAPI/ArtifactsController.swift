import Artifacts
import HTTPTypes
import Hummingbird
import Jobs
import Logging
import Storage

/// The files of a step: listed, as they are stored, or, where they are tables, as JSON.
///
/// Both are streamed with a chunk (1 MiB) in memory; a reader that is slow holds the store back, and nobody else.
struct ArtifactsController: Sendable {
    let reader: StatusReader
    let store: any ArtifactStore

    func addRoutes(to group: StatusGroup) {
        group.get("{id}/steps/{ordinal}/artifacts", use: list)
        group.get("{id}/steps/{ordinal}/artifacts/{name}", use: download)
    }

    private struct ListResponse: Encodable {
        let artifacts: [ArtifactResponse]
    }

    private func list(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        let id = try parameters.job()
        let ordinal = try parameters.ordinal()
        let artifacts = try await reader { queries -> [ArtifactView]? in
            let artifacts = try await queries.artifacts(of: id, ordinal: ordinal)
            guard artifacts.isEmpty else { return artifacts }
            return try await queries.hasStep(id, ordinal: ordinal) ? [] : nil
        }
        guard let artifacts else {
            throw ProblemDetails(
                .notFound, detail: "There is no step \(ordinal) of job \(id).",
                remedy: "\(StatusRouter.prefix)/jobs/\(id) lists the steps of the job, if there is one.")
        }
        return try JSONResponse.make(ListResponse(artifacts: artifacts.map { ArtifactResponse($0, job: id) }))
    }

    private func download(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["format"])
        let id = try parameters.job()
        let ordinal = try parameters.ordinal()
        let name = parameters.fileName()
        let format = try parameters.text("format")
        guard format == nil || format == "json" else {
            throw parameters.bad("format", "has an unknown value", "Leave it out for the stored file, or use 'json'.")
        }
        guard let artifact = try await reader({ try await $0.artifact(of: id, ordinal: ordinal, name: name) }) else {
            throw ProblemDetails(
                .notFound, detail: "Step \(ordinal) of job \(id) has no such file.",
                remedy: "\(StatusRouter.prefix)/jobs/\(id)/steps/\(ordinal)/artifacts lists its files.")
        }
        let entityTag = format == nil ? "\"\(artifact.hash)\"" : "\"\(artifact.hash)-json\""
        if request.headers[.ifNoneMatch] == entityTag {
            return Response(status: .notModified, headers: [.eTag: entityTag])
        }
        try await open(artifact)
        var response = format == nil ? stored(artifact) : try table(artifact, context)
        response.headers[.eTag] = entityTag
        // What stands under a hash never changes, but who may see it does.
        response.headers[.cacheControl] = "private, no-cache"
        return response
    }

    /// Finds out whether the content can be read while an honest answer is still possible: after the head has gone out,
    /// all that can be done is to break off.
    private func open(_ artifact: ArtifactView) async throws {
        var iterator = store.read(artifact.sha256).makeAsyncIterator()
        _ = try await iterator.next()
    }

    private func stored(_ artifact: ArtifactView) -> Response {
        let chunks = store.read(artifact.sha256)
        let body = ResponseBody(contentLength: Int(artifact.bytes)) { writer in
            for try await chunk in chunks { try await writer.write(ByteBuffer(bytes: chunk)) }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: artifact.mediaType, .contentDisposition: Self.attachment(artifact.name),
            ], body: body)
    }

    private func table(_ artifact: ArtifactView, _ context: StatusContext) throws -> Response {
        guard artifact.isTable else {
            throw ProblemDetails(
                .notTabular, detail: "The file is of type \(artifact.mediaType), which has no rows.",
                remedy: "Leave out 'format' to get it as it is stored.")
        }
        let chunks = store.read(artifact.sha256)
        let logger = context.logger
        let body = ResponseBody { writer in
            var transcoder = TableTranscoder()
            do {
                for try await chunk in chunks {
                    let json = try transcoder.feed(chunk)
                    if !json.isEmpty { try await writer.write(ByteBuffer(bytes: json)) }
                }
                try await writer.write(ByteBuffer(bytes: transcoder.finish()))
            } catch let error as TableError {
                // Breaking off leaves the array open and the transfer incomplete, which no reader can take for a whole.
                logger.warning("A table could not be shown as JSON", metadata: [StatusKeys.Log.error: "\(error)"])
                throw error
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/json", .contentDisposition: Self.attachment(artifact.name + ".json"),
            ], body: body)
    }

    /// A name for saving; what could end the quotes or the header is replaced, and the real name follows encoded.
    static func attachment(_ name: String) -> String {
        let plain = String(
            name.unicodeScalars.map { scalar in
                let isPlain =
                    scalar.isASCII && scalar.value >= 0x20 && scalar != "\"" && scalar != "\\" && scalar != "/"
                return isPlain && scalar.value != 0x7F ? Character(scalar) : "_"
            })
        return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(PercentEncoding.encode(name))"
    }
}
