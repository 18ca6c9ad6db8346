import FoundationEssentials
package import Logging

/// One line for people: time of day (UTC), level, message, then `key=value`. Line ends inside values are escaped, so a
/// value cannot forge a record.
package struct TextLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level

    private let label: String
    private let output: LogOutput

    package init(label: String, level: Logger.Level, output: LogOutput) {
        self.label = label
        self.logLevel = level
        self.output = output
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let time = LogTime.text(of: Date()).dropFirst(11).prefix(12)
        let level = event.level.rawValue
        let padding = String(repeating: " ", count: max(0, 8 - level.count))
        var line = "\(time) \(level)\(padding) \(Self.plain(event.message.description))"
        for (key, value) in LogFields.fields(handler: metadata, provider: metadataProvider, event: event) {
            line += " \(key)=\(Self.quoted(value))"
        }
        output.line(line + "\n")
    }

    private static func plain(_ text: String) -> String {
        // Control characters could also move a terminal's cursor.
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return text }
        return text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? $0.escaped(asASCII: true) : String($0) }
            .joined()
    }

    private static func quoted(_ value: String) -> String {
        let text = plain(value)
        guard text.isEmpty || text.contains(where: { $0 == " " || $0 == "=" || $0 == "\"" }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") + "\""
    }
}
