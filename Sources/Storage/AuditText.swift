import FoundationEssentials

/// Rows of the audit as text for files.
package enum AuditText {
    /// First line of the CSV, with its end.
    package static let header = "seq,at,actor,action,subject,before,after,reason,hash\r\n"

    /// A row as a record of RFC 4180, with its end.
    ///
    /// A text that a spreadsheet would take for a formula gets an apostrophe before it: reasons are written by anybody.
    package static func csv(_ row: AuditRow) -> String {
        [
            String(row.seq), time(row.at), row.actor, row.action, row.subject, row.before ?? "", row.after ?? "",
            row.reason ?? "", row.hash,
        ].map(field).joined(separator: ",") + "\r\n"
    }

    private static func field(_ text: String) -> String {
        let safe = text.first.map { "=+-@\t\r".contains($0) } == true ? "'" + text : text
        guard safe.contains(where: { ",\"\r\n".contains($0) || $0 == "\r\n" }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }

    /// A row as a JSON object on a line of its own; `before` and `after` are objects in it.
    package static func json(_ row: AuditRow) -> String {
        let fields: [(String, String)] = [
            ("seq", String(row.seq)), ("at", quoted(time(row.at))), ("actor", quoted(row.actor)),
            ("action", quoted(row.action)), ("subject", quoted(row.subject)), ("before", row.before ?? "null"),
            ("after", row.after ?? "null"), ("reason", row.reason.map(quoted) ?? "null"), ("hash", quoted(row.hash)),
        ]
        return "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}\n"
    }

    private static func time(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
