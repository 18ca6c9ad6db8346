import FoundationEssentials
import HTTPTypes
import Hummingbird
import Mustache
import Storage

/// The pages' templates and the files beside them, all from the program itself; read once, at the start.
struct PageTemplates: Sendable {
    private static let folder = "Sources/StatusAPI/Web/"

    private let library: MustacheLibrary

    /// - Throws: if a template cannot be parsed.
    init() throws {
        var templates: [String: MustacheTemplate] = [:]
        for asset in Assets.all where asset.path.hasPrefix(Self.folder) && asset.path.hasSuffix(".html") {
            let name = asset.path.dropFirst(Self.folder.count).dropLast(".html".count)
            templates[String(name)] = try MustacheTemplate(string: String(decoding: asset.bytes, as: UTF8.self))
        }
        library = MustacheLibrary(templates: templates)
    }

    /// Renders a page; every value is escaped, unless the template says otherwise, which none does.
    func page(_ name: String, _ model: some Sendable, status: HTTPResponse.Status = .ok) throws -> Response {
        guard let html = library.render(model, withTemplate: name) else {
            preconditionFailure("no template \(name): add it to CAssets.c")
        }
        return Response(
            status: status, headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }

    /// What went wrong, for people.
    func errorPage(_ problem: ProblemDetails) throws -> Response {
        let model = ErrorPage(
            title: problem.title, refreshSeconds: nil, detail: problem.detail, remedy: problem.remedy,
            requestID: problem.requestID ?? "")
        var response = try page("error", model, status: HTTPResponse.Status(code: problem.status))
        problem.addHeaders(to: &response)
        return response
    }

    /// The style sheet, script and icon, by file name.
    static let files: [String: (type: String, bytes: [UInt8])] = {
        let types = ["css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"]
        var files: [String: (type: String, bytes: [UInt8])] = [:]
        for asset in Assets.all where asset.path.hasPrefix(folder) {
            let name = String(asset.path.dropFirst(folder.count))
            if let suffix = name.split(separator: ".").last, let type = types[String(suffix)] {
                files[name] = (type, asset.bytes)
            }
        }
        return files
    }()
}

/// Values of `error.html`.
struct ErrorPage: Sendable {
    let title: String
    /// For pages that show something that goes on; nil where nothing will change.
    let refreshSeconds: Int?
    let detail: String
    let remedy: String
    let requestID: String
}
