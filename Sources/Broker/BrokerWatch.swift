package import Logging
import Metrics
package import RabbitMQ
import ServiceLifecycle

/// Looks at the broker every few seconds, says in words what is wrong, and puts right what it may.
///
/// The clients notice what breaks their own connection. What they cannot notice is what will break the next one, or
/// what nobody uses just now: a changed password, a right that was taken away, a deleted exchange while nothing is
/// published, an alarm, a policy under which messages get lost. One watch per process, beside its clients.
package struct BrokerWatch: Service {
    private let look: BrokerLook
    private let interval: Duration
    private let settings: (@Sendable (BrokerCapabilities) async throws -> [BrokerTrouble])?
    private let isBlocked: @Sendable () -> Bool
    private let logger: Logger

    /// - Parameters:
    ///   - use: what this process needs of the broker.
    ///   - interval: between two looks; 1 s or more. Each look is a login, so mind the number of processes.
    ///   - settings: asks for troubles that AMQP cannot show, such as policies, by the rules of the broker's version;
    ///     nil if there is nobody to ask. What it throws is told once for each outage and changes nothing.
    ///   - isBlocked: whether the process's publisher has told of an alarm already, so that it is not told twice.
    package init(
        configuration: RabbitMQConfiguration, topology: BrokerTopology, use: BrokerUse,
        interval: Duration = .seconds(5),
        settings: (@Sendable (BrokerCapabilities) async throws -> [BrokerTrouble])? = nil,
        isBlocked: @escaping @Sendable () -> Bool = { false }, logger: Logger
    ) {
        precondition(interval >= .seconds(1), "a look at the broker every \(interval)")
        var configuration = configuration
        configuration.connectTimeout = min(configuration.connectTimeout, interval)
        look = BrokerLook(configuration, topology: topology, use: use, repairs: true)
        self.interval = interval
        self.settings = settings
        self.isBlocked = isBlocked
        self.logger = logger
    }

    /// Looks until cancelled or asked to end.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var history = TroubleHistory()
            var mayBind = true
            var settingsFailed = false
            while !Task.isCancelled {
                var outcome = await look.take(rebinds: mayBind)
                mayBind = mayBind && outcome.mayBind
                if outcome.sight.isWhole, let settings {
                    do {
                        let capabilities = outcome.version.flatMap(BrokerCapabilities.init(version:))
                        outcome.sight.troubles += try await settings(capabilities ?? .oldest)
                        settingsFailed = false
                    } catch {
                        outcome.sight.isWhole = false
                        if !settingsFailed, !Task.isCancelled { tellUnread(error) }
                        settingsFailed = true
                    }
                }
                // What a cancelled look did not find means nothing.
                if Task.isCancelled { return }
                for event in history.take(outcome.sight, at: .now) { tell(event) }
                report(history.lasting)
                // Not all processes at the same moment.
                try? await Task.sleep(for: interval * Double.random(in: 0.8...1.0))
            }
        }
    }

    private func tell(_ event: TroubleHistory.Event) {
        switch event {
        case .found(let trouble):
            // The clients tell of a lost connection themselves.
            guard !isTold(trouble) else { return }
            logger.error(
                "Something is wrong at the broker",
                metadata: [BrokerKeys.Log.trouble: "\(trouble.words)", BrokerKeys.Log.remedy: "\(trouble.remedy)"])
        case .mended(let trouble, let duration):
            guard !isTold(trouble) else { return }
            logger.info(
                "That is well again at the broker",
                metadata: [
                    BrokerKeys.Log.trouble: "\(trouble.words)",
                    BrokerKeys.Log.lastedSeconds: "\(duration.components.seconds)",
                ])
        case .repaired(let trouble):
            logger.warning(
                "Something was missing at the broker and has been created again",
                metadata: [BrokerKeys.Log.trouble: "\(trouble.words)"])
        }
    }

    private func isTold(_ trouble: BrokerTrouble) -> Bool {
        switch trouble {
        case .unreachable: true
        case .alarm: isBlocked()
        default: false
        }
    }

    private func tellUnread(_ error: any Error) {
        logger.warning(
            "The broker's policies could not be read; their faults would go unseen",
            metadata: [BrokerKeys.Log.error: "\(error)"])
    }

    private func report(_ lasting: Set<BrokerTrouble>) {
        for kind in BrokerTrouble.kinds {
            Meter(label: BrokerKeys.Metric.trouble, dimensions: [("kind", kind)])
                .set(lasting.count { $0.kind == kind })
        }
    }
}
