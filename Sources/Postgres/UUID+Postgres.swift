package import FoundationEssentials

// Keys of most rows, a thousand in a statement, so their text is read and written here: Foundation's way leads through
// printf and scanf, and took a tenth of a busy worker's time.

extension UUID: PostgresArrayElement {
    package static var postgresType: UInt32 { 2950 }
    package static var postgresArrayType: UInt32 { 2951 }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        func append(_ byte: UInt8) {
            bytes.append(Self.digit(byte >> 4))
            bytes.append(Self.digit(byte & 15))
        }
        let (b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15) = uuid
        append(b0)
        append(b1)
        append(b2)
        append(b3)
        bytes.append(Self.hyphen)
        append(b4)
        append(b5)
        bytes.append(Self.hyphen)
        append(b6)
        append(b7)
        bytes.append(Self.hyphen)
        append(b8)
        append(b9)
        bytes.append(Self.hyphen)
        append(b10)
        append(b11)
        append(b12)
        append(b13)
        append(b14)
        append(b15)
        return true
    }

    package static func encodeArray(_ values: [UUID], into bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + values.count * (textLength + 1) + 2)
        bytes.append(UInt8(ascii: "{"))
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            _ = value.encode(into: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static let textLength = 36
    private static let hyphen = UInt8(ascii: "-")

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }
}

extension UUID: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>) {
        guard text.count == Self.textLength else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<Self.textLength {
            let byte = text[index]
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == Self.hyphen else { return nil }
                continue
            }
            guard let value = Self.value(ofDigit: byte) else { return nil }
            if index < 18 { high = high << 4 | value } else { low = low << 4 | value }
        }
        func byte(_ word: UInt64, _ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word >> (56 - 8 * index)) }
        self.init(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3),
                byte(high, 4), byte(high, 5), byte(high, 6), byte(high, 7),
                byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3),
                byte(low, 4), byte(low, 5), byte(low, 6), byte(low, 7)
            ))
    }

    private static func value(ofDigit byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
