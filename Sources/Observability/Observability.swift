package import Logging
import Metrics

/// Sets up logging and metrics for a whole process: once, first thing in `main`.
package enum Observability {
    /// How log records look.
    package enum LogFormat: String, Sendable, CaseIterable {
        /// One JSON object a line, for collectors.
        case json
        /// One readable line, for a terminal.
        case text
    }

    /// Points swift-log at standard error and swift-metrics at a registry.
    ///
    /// - Parameters:
    ///   - level: the least level that is written.
    ///   - service: the role of the process, such as `worker`; in each record as `service`.
    /// - Returns: the registry, for whoever shows `/metrics`.
    /// - Precondition: called once in a process; swift-log and swift-metrics both trap on a second call.
    @discardableResult
    package static func bootstrap(level: Logger.Level, format: LogFormat, service: String) -> PrometheusRegistry {
        let registry = PrometheusRegistry()
        LoggingSystem.bootstrap { label in
            logHandler(label: label, level: level, format: format, service: service, output: .standardError)
        }
        MetricsSystem.bootstrap(registry)
        return registry
    }

    /// A handler as `bootstrap` installs it, for one logger.
    package static func logHandler(
        label: String, level: Logger.Level, format: LogFormat, service: String, output: LogOutput
    ) -> any LogHandler {
        switch format {
        case .json: JSONLogHandler(label: label, service: service, level: level, output: output)
        case .text: TextLogHandler(label: label, level: level, output: output)
        }
    }
}
