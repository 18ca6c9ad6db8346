import Glibc
import Logging
import ServiceLifecycle
import Simulators
import UnixSignals

/// Serves a simulator in the foreground.
enum Serving {
    /// Runs until SIGTERM or SIGINT, and says where on standard output as soon as connections are taken.
    static func run(_ serve: @escaping @Sendable (@escaping @Sendable (Int) async -> Void) async throws -> Void)
        async throws
    {
        let service = ClosureService { try await serve { Serving.announce(port: $0) } }
        var logger = Serving.logger
        logger.logLevel = .warning
        let group = ServiceGroup(
            configuration: .init(services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    /// The log goes to standard error: standard output belongs to the address.
    static var logger: Logger {
        Logger(label: "rosterline-sim") { StreamLogHandler.standardError(label: $0) }
    }

    private static func announce(port: Int) {
        print("listening on http://127.0.0.1:\(port)")
        // Whoever started the process may wait for this line at the other end of a pipe.
        fflush(nil)
    }
}

/// A service made of one function.
private struct ClosureService: Service {
    let body: @Sendable () async throws -> Void

    func run() async throws {
        try await body()
    }
}
