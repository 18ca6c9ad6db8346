import FoundationEssentials
package import Logging

/// One JSON object a line: `time` (UTC, milliseconds), `level`, `message`, `logger`, `service`, then the metadata,
/// flat.
///
/// The JSON is written by hand: an encoder costs some 20 µs a record, and the shape is fixed.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level

    private let label: String
    private let service: String
    private let output: LogOutput

    package init(label: String, service: String, level: Logger.Level, output: LogOutput) {
        self.label = label
        self.service = service
        self.logLevel = level
        self.output = output
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = "{\"time\":\"\(LogTime.text(of: Date()))\",\"level\":\"\(event.level.rawValue)\",\"message\":"
        Self.append(event.message.description, to: &line)
        line += ",\"logger\":"
        Self.append(label, to: &line)
        line += ",\"service\":"
        Self.append(service, to: &line)
        for (key, value) in LogFields.fields(handler: metadata, provider: metadataProvider, event: event)
        where !Self.reserved.contains(key) {
            line += ","
            Self.append(key, to: &line)
            line += ":"
            Self.append(value, to: &line)
        }
        output.line(line + "}\n")
    }

    /// Names of the record's own fields: a JSON object must not hold one twice.
    private static let reserved: Set<String> = ["time", "level", "message", "logger", "service"]

    /// As a JSON string; a value longer than 8 KiB is cut, since one record must not fill a collector's buffer.
    private static func append(_ text: String, to line: inout String) {
        line += "\""
        var isCut = false
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < 8192 else {
                isCut = true
                break
            }
            switch scalar {
            case "\"": line += "\\\""
            case "\\": line += "\\\\"
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: line.unicodeScalars.append(scalar)
            }
        }
        line += isCut ? " …\"" : "\""
    }
}

/// The time of a record.
enum LogTime {
    /// Such as `2026-11-22T01:10:02.345Z`.
    static func text(of date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
