import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import Storage

/// What a request for a change carries: a form of a page, or a JSON object of a program. Names that the route does not
/// know are refused, as a field that is silently ignored changes the wrong thing.
struct ChangeFields: Sendable {
    private static let longestBody = 16 << 10

    private let values: [String: String]

    /// - Parameter names: what the route knows.
    static func read(_ request: Request, _ context: StatusContext, names: Set<String>) async throws -> ChangeFields {
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: longestBody)
        } catch is NIOTooManyBytesError {
            throw ProblemDetails(
                .tooLarge, detail: "The request has more than \(longestBody) bytes.", remedy: "Shorten the texts.")
        }
        let body = String(buffer: buffer)
        let type = request.headers[.contentType]?.lowercased() ?? ""
        let values: [String: String]
        if type.hasPrefix("application/json") {
            values = try json(body)
        } else if type.hasPrefix("application/x-www-form-urlencoded") || body.isEmpty {
            values = try form(body)
        } else {
            throw bad("The body is neither a form nor JSON.", "Send 'Content-Type: application/json'.")
        }
        for name in values.keys.sorted() where !names.contains(name) {
            throw bad(
                "'\(name.prefix(40))' is not a field here.", "Use one of: \(names.sorted().joined(separator: ", ")).")
        }
        return ChangeFields(values: values)
    }

    private static func json(_ body: String) throws -> [String: String] {
        enum Value: Decodable {
            case text(String)
            case none

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if container.decodeNil() {
                    self = .none
                } else if let flag = try? container.decode(Bool.self) {
                    self = .text(flag ? "true" : "false")
                } else if let number = try? container.decode(Int64.self) {
                    self = .text(String(number))
                } else {
                    self = .text(try container.decode(String.self))
                }
            }
        }
        guard let values = try? JSONDecoder().decode([String: Value].self, from: Data(body.utf8)) else {
            throw bad("The body is no JSON object of texts, numbers and flags.", "Look at the OpenAPI document.")
        }
        return values.compactMapValues { if case .text(let text) = $0 { text } else { nil } }
    }

    private static func form(_ body: String) throws -> [String: String] {
        var values: [String: String] = [:]
        for pair in body.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let texts = parts.map { PercentEncoding.decode(String($0.replacing("+", with: " "))) }
            guard let name = texts[0], texts.count == 2, let value = texts[1], values[name] == nil else {
                throw bad("The body is no form that can be read.", "Send each field once, percent-encoded.")
            }
            values[name] = value
        }
        return values
    }

    private static func bad(_ detail: String, _ remedy: String) -> ProblemDetails {
        ProblemDetails(.badParameter, detail: detail, remedy: remedy)
    }

    /// A text without its outer blanks; nil if it is missing or empty.
    func text(_ name: String) throws -> String? {
        guard let value = values[name]?.trimmingBlanks, !value.isEmpty else { return nil }
        guard value.count <= OperatorActions.longestText,
            !value.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\n" && $0 != "\r" })
        else {
            throw Self.bad(
                "'\(name)' is too long or holds control characters.",
                "Use up to \(OperatorActions.longestText) plain characters.")
        }
        return value
    }

    /// A text that must be there.
    func required(_ name: String) throws -> String {
        guard let value = try text(name) else {
            throw Self.bad("'\(name)' is missing.", "Say it: whoever looks at this later wants to know.")
        }
        return value
    }

    /// Whether the field was sent at all, be it empty.
    func has(_ name: String) -> Bool { values[name] != nil }

    func flag(_ name: String) -> Bool { ["true", "on", "1", "yes"].contains(values[name]?.lowercased() ?? "") }

    func number(_ name: String) throws -> Int64 {
        guard let number = Int64(try required(name)) else { throw Self.bad("'\(name)' is no number.", "Use digits.") }
        return number
    }

    func word<Word: RawRepresentable & CaseIterable>(_ name: String, as type: Word.Type) throws -> Word
    where Word.RawValue == String {
        let text = try required(name)
        guard let word = Word(rawValue: text) else {
            throw Self.bad(
                "'\(name)' has an unknown value.",
                "Use one of: \(Word.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return word
    }
}
