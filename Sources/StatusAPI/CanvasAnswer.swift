import FoundationEssentials

/// What people want to know of Canvas's last answer about an import. Everything in it may be missing.
struct CanvasAnswer: Encodable, Sendable {
    /// Rows that Canvas took, by type, such as `users`.
    let counts: [String: Int64]
    /// Changes by Canvas's type and kind, such as `Enrollment` and `created`.
    let statistics: [String: [String: Int64]]
    /// Messages by file, at most `mostMessages`.
    let warnings: [Message]
    let errors: [Message]

    struct Message: Encodable, Sendable {
        let file: String
        let text: String
    }

    /// Canvas itself lists 50 at most; the complete list is a file of the step.
    static let mostMessages = 50

    /// Nil if it is no JSON object.
    init?(json: String) {
        guard let answer = try? JSONDecoder().decode(LenientJSON.self, from: Data(json.utf8)),
            case .object(let object) = answer
        else { return nil }
        let data = object["data"] ?? .other
        counts = data["counts"].numbers
        // Canvas's reference shows statistics at the top, its answers hold them in `data`.
        let all = data["statistics"].members.isEmpty ? object["statistics"] ?? .other : data["statistics"]
        statistics = all.members.mapValues(\.numbers).filter { !$0.value.isEmpty }
        warnings = Self.messages(object["processing_warnings"])
        errors = Self.messages(object["processing_errors"])
    }

    private static func messages(_ value: LenientJSON?) -> [Message] {
        guard case .array(let rows) = value else { return [] }
        return rows.prefix(mostMessages).compactMap { row in
            guard case .array(let parts) = row, parts.count >= 2, case .text(let file) = parts[0],
                case .text(let text) = parts[1]
            else { return nil }
            return Message(file: file, text: text)
        }
    }
}

/// JSON of a shape that others decide.
private enum LenientJSON: Decodable {
    case object([String: LenientJSON])
    case array([LenientJSON])
    case text(String)
    case number(Int64)
    case other

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let object = try? container.decode([String: LenientJSON].self) {
            self = .object(object)
        } else if let array = try? container.decode([LenientJSON].self) {
            self = .array(array)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let number = try? container.decode(Int64.self) {
            self = .number(number)
        } else {
            self = .other
        }
    }

    subscript(key: String) -> LenientJSON { members[key] ?? .other }

    var members: [String: LenientJSON] {
        guard case .object(let object) = self else { return [:] }
        return object
    }

    var numbers: [String: Int64] {
        members.compactMapValues { value in
            guard case .number(let number) = value else { return nil }
            return number
        }
    }
}
