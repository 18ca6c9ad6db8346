import FoundationEssentials
import Hummingbird
import Jobs
import Storage

/// Reads the parameters of a request, and says what is wrong with those that cannot be used.
struct RequestParameters {
    private let request: Request
    let context: StatusContext

    init(_ request: Request, _ context: StatusContext) {
        self.request = request
        self.context = context
    }

    /// Refuses names that the route does not know: a filter that is silently ignored shows the wrong jobs.
    func allow(_ names: Set<String>) throws {
        for (name, _) in request.uri.queryParameters where !names.contains(String(name)) {
            throw bad(
                "\(name.prefix(40))", "is not a parameter here",
                "Use one of: \(names.sorted().joined(separator: ", ")).")
        }
    }

    func job() throws -> JobID {
        let text = context.parameters.get("id") ?? ""
        guard let id = JobID(text) else { throw ProblemDetails.job(text) }
        return id
    }

    /// The name of a file in the path; empty if it cannot be one.
    func fileName() -> String {
        let name = context.parameters.get("name").flatMap(PercentEncoding.decode) ?? ""
        // Postgres stores no NUL, so no file can be asked for with one.
        return name.unicodeScalars.contains("\0") ? "" : name
    }

    /// A part of the path as it was sent; empty if there is none.
    func pathText(_ name: String) -> String { context.parameters.get(name) ?? "" }

    func ordinal() throws -> Int16 {
        guard let ordinal = context.parameters.get("ordinal", as: Int16.self), ordinal > 0 else {
            throw bad("ordinal", "is no step number", "Steps are numbered from 1.")
        }
        return ordinal
    }

    /// A value of the query; nil if it is missing or empty, as forms send fields that were left blank.
    func text(_ name: String) throws -> String? {
        guard let value = request.uri.queryParameters[Substring(name)].map({ String($0) }), !value.isEmpty else {
            return nil
        }
        guard value.utf8.count <= 128, !value.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            throw bad(name, "is too long or holds control characters", "Use up to 128 plain characters.")
        }
        return value
    }

    func limit(default standard: Int) throws -> Int {
        guard let text = try text("limit") else { return standard }
        guard let limit = Int(text), (1...StatusQueries.largestPage).contains(limit) else {
            throw bad("limit", "is no number of rows", "Use 1 to \(StatusQueries.largestPage).")
        }
        return limit
    }

    func before() throws -> JobID? {
        guard let text = try text("before") else { return nil }
        guard let id = JobID(text) else {
            throw bad("before", "is no job id", "Take the address of the next page as the answer gives it.")
        }
        return id
    }

    func word<Word: RawRepresentable & CaseIterable>(_ name: String, as type: Word.Type) throws -> Word?
    where Word.RawValue == String {
        guard let text = try text(name) else { return nil }
        guard let word = Word(rawValue: text) else {
            throw bad(
                name, "has an unknown value", "Use one of: \(Word.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return word
    }

    func jobFilter() throws -> JobFilter {
        JobFilter(
            institution: try text("institution"), integration: try text("integration"),
            state: try word("state", as: JobState.self), kind: try word("kind", as: JobKind.self))
    }

    func bad(_ name: String, _ what: String, _ remedy: String) -> ProblemDetails {
        ProblemDetails(.badParameter, detail: "'\(name)' \(what).", remedy: remedy)
    }
}

extension JobFilter {
    /// Names of the filters in an address.
    static let parameterNames: Set<String> = ["institution", "integration", "state", "kind"]

    /// The filter as parameters of an address, each value percent-encoded.
    var queryItems: [String] {
        [
            ("institution", institution), ("integration", integration), ("state", state?.rawValue),
            ("kind", kind?.rawValue),
        ]
        .compactMap { name, value in value.map { "\(name)=\(PercentEncoding.encode($0))" } }
    }
}

/// Text as a part of an address.
enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF")

    /// Everything but the unreserved characters of RFC 3986 is encoded.
    static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return result
    }

    /// Text from a part of an address, or nil if an escape is incomplete or the bytes are no UTF-8.
    static func decode(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(nibble), let low = rest.popFirst().flatMap(nibble) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        Character(Unicode.Scalar(digit)).hexDigitValue.map { UInt8($0) }
    }
}
