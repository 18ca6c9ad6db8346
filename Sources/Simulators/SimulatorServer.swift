import Hummingbird
import Logging
import NIOCore

/// What a request of a simulator carries: its connection, so that a fault can cut it, and its place in the log.
struct SimulatorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    /// The number of the request in the log; 0 where there is none.
    var logNumber = 0

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// A piece of the path, without its percent escapes.
    func pathParameter(_ name: String) throws -> String {
        let raw = Array(try parameters.require(name).utf8)
        var bytes: [UInt8] = []
        var index = 0
        while index < raw.count {
            if raw[index] == 37, index + 2 < raw.count,
                let byte = UInt8(String(decoding: raw[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                bytes.append(byte)
                index += 3
            } else {
                bytes.append(raw[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Closes the connection without an answer.
    func cutConnection() async throws -> Response {
        try? await channel.close()
        throw CancellationError()
    }
}

/// Serves a router on the loopback interface.
enum SimulatorServer {
    /// Serves until the task is cancelled or its service group shuts down gracefully.
    ///
    /// - Parameters:
    ///   - port: 0 picks a free one.
    ///   - onReady: Is told the port as soon as connections are taken.
    /// - Throws: `SimulatorError` with `.cannotListen`.
    static func run(
        _ router: Router<SimulatorContext>, port: Int, logger: Logger,
        onReady: @escaping @Sendable (Int) async -> Void
    ) async throws {
        var quiet = logger
        // Connections that a test's end or a fault cuts would each be an error in the log.
        quiet.logLevel = .critical
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: port), serverName: nil),
            onServerRunning: { await onReady($0.localAddress?.port ?? port) },
            logger: quiet)
        do {
            try await application.run()
        } catch let error as IOError {
            throw SimulatorError(
                .cannotListen, operation: "listen on 127.0.0.1:\(port)",
                remedy: "Choose another port, or 0 for a free one. The system said: error \(error.errnoCode).")
        }
    }

    /// Runs a server beside a body, and stops it when the body ends.
    ///
    /// - Parameter body: Is handed the address, as `http://127.0.0.1:PORT`.
    static func whileRunning<Result: Sendable>(
        _ run: @escaping @Sendable (@escaping @Sendable (Int) async -> Void) async throws -> Void,
        _ body: @escaping @Sendable (String) async throws -> Result
    ) async throws -> Result {
        let (ports, ready) = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingNewest(1))
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                defer { ready.finish() }
                try await run { ready.yield($0) }
                return nil
            }
            group.addTask {
                for await port in ports { return try await body("http://127.0.0.1:\(port)") }
                throw CancellationError()
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }
}
