import FoundationEssentials

/// The one form in which the product writes step messages: these keys in this order, no blanks, no escapes.
///
/// A worker reads tens of thousands of them a second, so they are read by position. `read` never guesses: whatever
/// departs from the form is nil, and somebody more patient looks at it.
enum CanonicalMessage {
    static func write(_ message: StepMessage) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(176)
        bytes += #"{"job":""#.utf8
        append(message.job.uuid, to: &bytes)
        bytes += #"","kind":""#.utf8
        bytes += message.kind.rawValue.utf8
        bytes += #"","step":"#.utf8
        bytes += String(message.ordinal).utf8
        // No value may need escaping: a UUID, numbers, words of a closed set; and a trace context is left out that
        // is none.
        if let traceParent = message.traceParent, traceParent.utf8.allSatisfy(isTraceByte) {
            bytes += #","traceparent":""#.utf8
            bytes += traceParent.utf8
            bytes.append(UInt8(ascii: "\""))
        }
        bytes += #","v":"#.utf8
        bytes += String(message.version).utf8
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// The message, if the bytes have exactly the form that `write` makes.
    static func read(_ bytes: [UInt8]) -> StepMessage? {
        var cursor = Cursor(bytes)
        guard cursor.skip(#"{"job":""#), let uuid = cursor.uuid(), cursor.skip(#"","kind":""#),
            let kind = cursor.kind(), cursor.skip(#"","step":"#), let ordinal = cursor.number()
        else { return nil }
        var traceParent: String?
        if cursor.skip(#","traceparent":""#) {
            guard let text = cursor.word(while: isTraceByte), cursor.skip("\"") else { return nil }
            traceParent = text
        }
        guard cursor.skip(#","v":"#), let version = cursor.number(), cursor.skip("}"), cursor.isAtEnd else {
            return nil
        }
        return StepMessage(job: JobID(uuid), ordinal: ordinal, kind: kind, version: version, traceParent: traceParent)
    }

    private static func append(_ uuid: UUID, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: uuid.uuid) { raw in
            for (index, byte) in raw.enumerated() {
                if index == 4 || index == 6 || index == 8 || index == 10 { bytes.append(UInt8(ascii: "-")) }
                bytes.append(hexDigit(byte >> 4))
                bytes.append(hexDigit(byte & 15))
            }
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func isTraceByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) || byte == UInt8(ascii: "-")
    }
}

/// A place in the bytes of a message; whoever does not find what it looks for stays where it is.
private struct Cursor {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { place == bytes.count }

    mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - place >= count else { return false }
        let isThere = text.withUTF8Buffer { expected in
            for offset in 0..<count where bytes[place + offset] != expected[offset] { return false }
            return true
        }
        if isThere { place += count }
        return isThere
    }

    /// A UUID in lower case.
    mutating func uuid() -> UUID? {
        guard bytes.count - place >= 36 else { return nil }
        var parsed: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        var next = place
        let isWell = withUnsafeMutableBytes(of: &parsed) { raw in
            for index in 0..<16 {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    guard bytes[next] == UInt8(ascii: "-") else { return false }
                    next += 1
                }
                guard let high = Self.value(ofHexDigit: bytes[next]), let low = Self.value(ofHexDigit: bytes[next + 1])
                else { return false }
                raw[index] = high << 4 | low
                next += 2
            }
            return true
        }
        guard isWell else { return nil }
        place = next
        return UUID(uuid: parsed)
    }

    mutating func kind() -> StepKind? {
        let start = place
        guard
            let word = word(while: { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_") })
        else { return nil }
        guard let kind = StepKind(rawValue: word) else {
            place = start
            return nil
        }
        return kind
    }

    /// One to 128 bytes that satisfy the condition.
    mutating func word(while isPart: (UInt8) -> Bool) -> String? {
        var end = place
        while end < bytes.count, end - place < 128, isPart(bytes[end]) { end += 1 }
        guard end > place else { return nil }
        defer { place = end }
        return String(decoding: bytes[place..<end], as: UTF8.self)
    }

    /// A whole number from 1 to 32 767 without a leading zero.
    mutating func number() -> Int16? {
        var value = 0
        var end = place
        while end < bytes.count, end - place < 5, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[end]) {
            value = value * 10 + Int(bytes[end] - UInt8(ascii: "0"))
            end += 1
        }
        guard end > place, bytes[place] != UInt8(ascii: "0"), let number = Int16(exactly: value) else { return nil }
        place = end
        return number
    }

    private static func value(ofHexDigit byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
