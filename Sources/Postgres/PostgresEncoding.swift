/// A value that can be bound to a query.
package protocol PostgresEncodable: Sendable {
    /// The object identifier of the server's type, as in `pg_type`; 0 lets the server infer it.
    static var postgresType: UInt32 { get }
    /// Of the array of such values.
    static var postgresArrayType: UInt32 { get }
    /// Whether `encode` writes the server's binary format instead of its text.
    static var isBinary: Bool { get }
    /// Appends the value; false stands for NULL.
    func encode(into bytes: inout [UInt8]) -> Bool
}

extension PostgresEncodable {
    package static var postgresArrayType: UInt32 { 0 }
    package static var isBinary: Bool { false }
}

/// An encodable value that can be an element of an array; its text is quoted there.
package protocol PostgresArrayElement: PostgresEncodable {
    /// Appends an array as the server writes it.
    static func encodeArray(_ values: [Self], into bytes: inout [UInt8])
    static func decodeArray(_ text: Span<UInt8>) -> [Self]?
    static var typeOfArray: UInt32 { get }
    static var arrayIsBinary: Bool { get }
}

extension PostgresArrayElement {
    package static var typeOfArray: UInt32 { postgresArrayType }
    package static var arrayIsBinary: Bool { false }

    package static func encodeArray(_ values: [Self], into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        var element: [UInt8] = []
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            element.removeAll(keepingCapacity: true)
            guard value.encode(into: &element) else {
                bytes += "NULL".utf8
                continue
            }
            bytes.append(UInt8(ascii: "\""))
            if element.contains(where: needsEscape) {
                for byte in element {
                    if needsEscape(byte) { bytes.append(UInt8(ascii: "\\")) }
                    bytes.append(byte)
                }
            } else {
                bytes += element
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }
}

extension String: PostgresArrayElement {
    package static var postgresType: UInt32 { 0 }
    package static var postgresArrayType: UInt32 { 1009 }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes += utf8
        return true
    }
}

extension Bool: PostgresArrayElement {
    package static var postgresType: UInt32 { 16 }
    package static var postgresArrayType: UInt32 { 1000 }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(UInt8(ascii: self ? "t" : "f"))
        return true
    }
}

extension PostgresEncodable where Self: BinaryInteger {
    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes += String(self).utf8
        return true
    }
}

extension Int: PostgresArrayElement {
    package static var postgresType: UInt32 { 20 }
    package static var postgresArrayType: UInt32 { 1016 }
}

extension Int64: PostgresArrayElement {
    package static var postgresType: UInt32 { 20 }
    package static var postgresArrayType: UInt32 { 1016 }
}

extension Int32: PostgresArrayElement {
    package static var postgresType: UInt32 { 23 }
    package static var postgresArrayType: UInt32 { 1007 }
}

extension Int16: PostgresArrayElement {
    package static var postgresType: UInt32 { 21 }
    package static var postgresArrayType: UInt32 { 1005 }
}

extension Double: PostgresArrayElement {
    package static var postgresType: UInt32 { 701 }
    package static var postgresArrayType: UInt32 { 1022 }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        let text = isNaN ? "NaN" : isInfinite ? (self < 0 ? "-Infinity" : "Infinity") : "\(self)"
        bytes += text.utf8
        return true
    }
}

/// A text that the server keeps as jsonb; it checks it.
package struct PostgresJSON: Sendable, Hashable, PostgresArrayElement {
    /// UTF-8 JSON. What comes back is the server's own spelling of it.
    package var text: String

    package init(_ text: String) {
        self.text = text
    }

    package static var postgresType: UInt32 { 3802 }
    package static var postgresArrayType: UInt32 { 3807 }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes += text.utf8
        return true
    }
}

/// A byte alone cannot be bound; an array of them is bytea.
extension UInt8: PostgresArrayElement {
    package static var postgresType: UInt32 { 21 }
    package static var typeOfArray: UInt32 { 17 }
    package static var arrayIsBinary: Bool { true }

    package static func encodeArray(_ values: [UInt8], into bytes: inout [UInt8]) {
        bytes += values
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package static var postgresType: UInt32 { Element.typeOfArray }
    package static var isBinary: Bool { Element.arrayIsBinary }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        Element.encodeArray(self, into: &bytes)
        return true
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: UInt32 { Wrapped.postgresType }
    package static var postgresArrayType: UInt32 { Wrapped.postgresArrayType }
    package static var isBinary: Bool { Wrapped.isBinary }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        self?.encode(into: &bytes) ?? false
    }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresArrayElement & PostgresDecodable {
    package static func decodeArray(_ text: Span<UInt8>) -> [Wrapped?]? {
        PostgresArrayText.elements(text) { bytes -> Wrapped?? in
            guard let bytes else { return .some(nil) }
            guard let value = Wrapped(postgresText: bytes.span) else { return nil }
            return .some(value)
        }
    }
}
