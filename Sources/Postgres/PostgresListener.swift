package import EventLoops
package import Logging
import ServiceLifecycle

/// Listens on channels with a connection of its own, and connects again whenever that breaks.
///
/// A notification is a doorbell: it is lost while nobody listens. So after each reconnect every channel gets one with
/// an empty payload, which stands for those that may have been missed; and whoever depends on it looks once in a while
/// anyway. Needs a session of the server, so it cannot go through a pooler in transaction mode.
///
/// An idle connection is asked for a sign of life every 15 s, since a firewall may have forgotten it without telling.
package final class PostgresListener: Service {
    /// Shared by all who iterate it, each notification going to one of them. Ends with ``run()``. Keeps the newest 1024
    /// when nobody reads.
    package let notifications: AsyncStream<PostgresNotification>

    private static let keepaliveInterval = Duration.seconds(15)
    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let loop: PollLoop
    private let logger: Logger
    private let input: AsyncStream<PostgresNotification>.Continuation

    /// - Parameter channels: as written in NOTIFY, exactly spelt.
    package init(
        configuration: PostgresConfiguration, channels: [String], loop: PollLoop = .shared, logger: Logger
    ) {
        self.configuration = configuration
        self.channels = channels
        self.loop = loop
        self.logger = logger
        (notifications, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1024))
    }

    /// Listens until the task is cancelled or a graceful shutdown begins.
    package func run() async throws {
        await withTaskExecutorPreference(loop) {
            await cancelWhenGracefulShutdown { await self.listenForEver() }
        }
        input.finish()
    }

    private func listenForEver() async {
        let jitter = FullJitter(first: .milliseconds(200), limit: .seconds(10))
        var failures = 0
        var lostTime: ContinuousClock.Instant?
        while !Task.isCancelled {
            do {
                let connection = try await begin()
                if let time = lostTime { reportBack(after: time.duration(to: .now)) }
                (failures, lostTime) = (0, nil)
                try await forward(from: connection)
            } catch {
                if Task.isCancelled { return }
                failures += 1
                if lostTime == nil {
                    lostTime = .now
                    logger.warning("The listener lost the database; trying again", metadata: metadata(error: error))
                }
                try? await Task.sleep(for: jitter.delay(attempt: failures))
            }
        }
    }

    private func begin() async throws -> PostgresConnection {
        let connection = try await PostgresConnection.connect(configuration, loop: loop, logger: logger)
        _ = try await connection.pipeline(channels.map { PostgresQuery(unescaped: "LISTEN \($0.quotedAsIdentifier)") })
        return connection
    }

    private func forward(from connection: PostgresConnection) async throws {
        do {
            while true {
                let received = try await connection.nextNotifications(until: .now + Self.keepaliveInterval)
                for notification in received { input.yield(notification) }
                if received.isEmpty { try await connection.execute("SELECT 1") }
            }
        } catch {
            await connection.close()
            throw error
        }
    }

    private func reportBack(after duration: Duration) {
        logger.info(
            "The listener is back", metadata: [PostgresKeys.Log.outageSeconds: "\(duration.components.seconds)"])
        for channel in channels { input.yield(PostgresNotification(channel: channel, payload: "")) }
    }

    private func metadata(error: any Error) -> Logger.Metadata {
        [
            PostgresKeys.Log.channels: "\(channels.joined(separator: ","))",
            PostgresKeys.Log.error: "\(error)",
        ]
    }
}

extension PostgresConnection {
    /// Waits for notifications on the channels that this session listens to.
    /// - Returns: those that have come; none when the deadline came first.
    func nextNotifications(until deadline: ContinuousClock.Instant) async throws -> [PostgresNotification] {
        await takeTurn()
        defer { giveTurn() }
        while true {
            let handle = try await usableHandle("listen")
            var received: [PostgresNotification] = []
            while let notification = handle.nextNotification() { received.append(notification) }
            if !received.isEmpty { return received }
            switch await loop.wait(for: .readable, on: handle.socket, until: deadline) {
            case .ready(let found):
                guard found.contains(.readable) else { continue }
                do {
                    try handle.consumeInput()
                    // Lets the library take notifications out of what it read; no statement is under way.
                    _ = handle.isBusy
                } catch {
                    close()
                    throw error
                }
            case .timedOut: return []
            case .cancelled: throw PostgresError.cancelled("listen")
            }
        }
    }
}

extension String {
    /// As SQL spells a name that is not to be folded or misread.
    package var quotedAsIdentifier: String {
        "\"" + split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
