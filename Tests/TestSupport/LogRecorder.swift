package import Logging
import NIOConcurrencyHelpers

/// Keeps what is logged, for tests of what a person would read.
package final class LogRecorder: Sendable {
    /// One logged line.
    package struct Line: Sendable {
        package let level: Logger.Level
        package let message: String
        package let metadata: Logger.Metadata
    }

    private let recorded = NIOLockedValueBox<[Line]>([])

    /// Empty.
    package init() {}

    /// A logger that writes here, from trace on.
    package var logger: Logger {
        Logger(label: "recorder") { _ in Handler(recorder: self) }
    }

    /// Everything logged so far, in order.
    package var lines: [Line] { recorded.withLockedValue(\.self) }

    /// The messages logged so far at this level or above, in order.
    package func lines(from level: Logger.Level) -> [String] {
        lines.filter { $0.level >= level }.map(\.message)
    }

    fileprivate func record(_ line: Line) {
        recorded.withLockedValue { $0.append(line) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let merged = metadata.merging(event.metadata ?? [:]) { $1 }
            recorder.record(Line(level: event.level, message: event.message.description, metadata: merged))
        }
    }
}
