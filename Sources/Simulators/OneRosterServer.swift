import FoundationEssentials
import Hummingbird
package import Logging
import NIOConcurrencyHelpers
import NIOCore

/// What a roster server does wrong on purpose.
package struct OneRosterFaults: Sendable, Equatable {
    /// So many requests are answered with `failStatus`.
    package var failNext = 0
    package var failStatus = 500
    /// So many answers promise the whole length, and end after half of it.
    package var truncateNext = 0
    /// The pause after each 64 KiB of a body.
    package var pause: Duration = .zero

    package init() {}
}

/// Serves OneRoster CSV zips at `GET /rosters/NAME.zip`, as a school's export server does.
///
/// The zips are files of a folder, read anew for each request, so that a test may exchange one between two nights. An
/// answer carries an `ETag` made of the file's size and time; a request with the same `If-None-Match` is
/// answered with 304.
package final class OneRosterServer: Sendable {
    private struct Shared: Sendable {
        var faults = OneRosterFaults()
        var served = 0
    }

    private static let blockBytes = 64 << 10

    /// The folder with the zips.
    package let folder: String
    private let port: Int
    private let token: String?
    private let logger: Logger
    private let shared = NIOLockedValueBox(Shared())

    /// - Parameters:
    ///   - folder: Holds files named `NAME.zip`.
    ///   - port: 0 picks a free one.
    ///   - token: The bearer token every request must bring; nothing = none is needed.
    package init(folder: String, port: Int = 0, token: String? = nil, logger: Logger) {
        self.folder = folder
        self.port = port
        self.token = token
        self.logger = logger
    }

    /// What goes wrong on purpose from now on.
    package var faults: OneRosterFaults {
        get { shared.withLockedValue(\.faults) }
        set { shared.withLockedValue { $0.faults = newValue } }
    }

    /// How many zips have been served whole.
    package var served: Int { shared.withLockedValue(\.served) }

    /// Serves until the task is cancelled or its service group shuts down gracefully; to be called once.
    ///
    /// - Parameter onReady: Is told the port as soon as connections are taken.
    /// - Throws: `SimulatorError` with `.cannotListen`.
    package func run(onReady: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        let router = Router(context: SimulatorContext.self)
        router.get("rosters/:name") { [self] request, context in try await serve(request, context) }
        try await SimulatorServer.run(router, port: port, logger: logger, onReady: onReady)
    }

    /// Serves while a body runs.
    ///
    /// - Parameter body: Is handed the address, as `http://127.0.0.1:PORT`.
    package func whileServing<Result: Sendable>(
        _ body: @escaping @Sendable (String) async throws -> Result
    ) async throws -> Result {
        try await SimulatorServer.whileRunning({ [self] in try await run(onReady: $0) }, body)
    }

    private func serve(_ request: Request, _ context: SimulatorContext) async throws -> Response {
        let faults = shared.withLockedValue { shared in
            let faults = shared.faults
            shared.faults.failNext = max(0, faults.failNext - 1)
            return faults
        }
        guard faults.failNext == 0 else {
            return CanvasAnswers.error(.init(code: faults.failStatus), "A fault on purpose")
        }
        guard token == nil || CanvasGate.token(of: request) == token else { return CanvasAnswers.unauthenticated }
        let name = try context.pathParameter("name")
        let path = "\(folder)/\(name)"
        guard name.hasSuffix(".zip"), !name.contains("/"), !name.hasPrefix("."), let size = FileSystem.size(of: path)
        else { return CanvasAnswers.notFound }
        let tag = "\"\(size)-\(FileSystem.changed(path))\""
        guard request.headers[.ifNoneMatch] != tag else { return Response(status: .notModified, headers: [.eTag: tag]) }
        var response = Response(
            status: .ok,
            headers: [
                .contentType: "application/zip", .eTag: tag,
                .contentDisposition: "attachment; filename=\"\(name)\"",
            ])
        let isCut = shared.withLockedValue { shared in
            guard shared.faults.truncateNext > 0 else { return false }
            shared.faults.truncateNext -= 1
            return true
        }
        let limit = isCut ? size / 2 : size
        response.body = ResponseBody(contentLength: size) { [self] writer in
            var blocks = try FileBlocks(path: path, limit: limit, blockBytes: Self.blockBytes)
            defer { blocks.closeFile() }
            while let block = try blocks.next() {
                try await writer.write(ByteBuffer(bytes: block))
                if faults.pause > .zero { try await Task.sleep(for: faults.pause) }
            }
            guard !isCut else {
                try? await context.channel.close()
                throw CancellationError()
            }
            shared.withLockedValue { $0.served += 1 }
            try await writer.finish(nil)
        }
        return response
    }
}
