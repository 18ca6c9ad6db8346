/// A value that can be read from a column.
package protocol PostgresDecodable: Sendable {
    /// From the server's text format; nil when the text stands for no such value.
    init?(postgresText text: Span<UInt8>)
    /// What NULL becomes; nil where the type has no place for it.
    static var postgresNull: Self? { get }
}

extension PostgresDecodable {
    package static var postgresNull: Self? { nil }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>) {
        guard let value = Wrapped(postgresText: text) else { return nil }
        self = .some(value)
    }

    package static var postgresNull: Wrapped?? { .some(nil) }
}

extension PostgresDecodable where Self: FixedWidthInteger {
    package init?(postgresText text: Span<UInt8>) {
        var digits = 0..<text.count
        let isNegative = !text.isEmpty && text[0] == UInt8(ascii: "-")
        if isNegative { digits = 1..<text.count }
        guard !digits.isEmpty else { return nil }
        var value: Self = 0
        for index in digits {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            // Downwards, since the smallest value has no positive counterpart.
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, secondOverflow) =
                isNegative
                ? product.subtractingReportingOverflow(Self(digit)) : product.addingReportingOverflow(Self(digit))
            guard !overflow, !secondOverflow else { return nil }
            value = sum
        }
        self = value
    }
}

extension Int: PostgresDecodable {}
extension Int64: PostgresDecodable {}
extension Int32: PostgresDecodable {}
extension Int16: PostgresDecodable {}

extension String: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>) {
        self = unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension Bool: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>) {
        guard text.count == 1 else { return nil }
        switch text[0] {
        case UInt8(ascii: "t"): self = true
        case UInt8(ascii: "f"): self = false
        default: return nil
        }
    }
}

extension Double: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>) {
        guard let string = String(postgresText: text) else { return nil }
        switch string {
        case "NaN": self = .nan
        case "Infinity": self = .infinity
        case "-Infinity": self = -.infinity
        default:
            guard let value = Double(string) else { return nil }
            self = value
        }
    }
}

extension PostgresJSON: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>) {
        guard let string = String(postgresText: text) else { return nil }
        self.init(string)
    }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    package init?(postgresText text: Span<UInt8>) {
        guard let values = Element.decodeArray(text) else { return nil }
        self = values
    }
}

extension PostgresArrayElement where Self: PostgresDecodable {
    package static func decodeArray(_ text: Span<UInt8>) -> [Self]? {
        PostgresArrayText.elements(text) { bytes -> Self? in bytes.flatMap { Self(postgresText: $0.span) } }
    }
}

extension UInt8 {
    /// bytea comes as `\x` and two digits for each byte.
    package static func decodeArray(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count >= 2, text.count % 2 == 0, text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x") else {
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = text[index].hexValue, let low = text[index + 1].hexValue else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private var hexValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// The server's text of arrays, such as `{1,NULL,"a \"b\""}`; of one dimension.
/// - SeeAlso: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
enum PostgresArrayText {
    /// - Parameter make: gets the unquoted bytes of an element, or nil for NULL; returning nil makes the whole nil.
    static func elements<Element>(_ text: Span<UInt8>, make: ([UInt8]?) -> Element?) -> [Element]? {
        var index = 0
        // An array whose first index is not 1 says so before the brace: `[0:1]={…}`.
        while index < text.count, text[index] != UInt8(ascii: "{") { index += 1 }
        index += 1
        var elements: [Element] = []
        if index < text.count, text[index] == UInt8(ascii: "}") { return elements }
        while index < text.count {
            guard let bytes = nextElement(text, &index), let element = make(bytes.value), index < text.count else {
                return nil
            }
            elements.append(element)
            let end = text[index]
            index += 1
            if end == UInt8(ascii: "}") { return elements }
            guard end == UInt8(ascii: ",") else { return nil }
        }
        return nil
    }

    private static func nextElement(_ text: Span<UInt8>, _ index: inout Int) -> (value: [UInt8]?, isQuoted: Bool)? {
        var bytes: [UInt8] = []
        guard index < text.count, text[index] != UInt8(ascii: "{") else { return nil }
        if text[index] == UInt8(ascii: "\"") {
            index += 1
            while index < text.count, text[index] != UInt8(ascii: "\"") {
                if text[index] == UInt8(ascii: "\\") { index += 1 }
                guard index < text.count else { return nil }
                bytes.append(text[index])
                index += 1
            }
            index += 1
            return (bytes, true)
        }
        while index < text.count, text[index] != UInt8(ascii: ","), text[index] != UInt8(ascii: "}") {
            bytes.append(text[index])
            index += 1
        }
        return bytes.elementsEqual("NULL".utf8) ? (nil, false) : (bytes, false)
    }
}
