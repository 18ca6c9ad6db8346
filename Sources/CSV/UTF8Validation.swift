/// Checks bytes that arrive in pieces for being UTF-8, as Unicode's table 3-7 defines it.
///
/// Bytes below 0x80 pass eight at a time; the rest goes through the rules one by one. A sequence may be cut by a
/// piece's end.
package struct UTF8Validation: Sendable {
    private var pending = 0
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Bytes found valid so far; on failure, where the offending byte stands.
    package private(set) var validBytes: UInt64 = 0

    /// Whether all bytes so far were UTF-8.
    package private(set) var isValid = true

    /// A check that has seen nothing yet.
    package init() {}

    /// Checks the next piece.
    ///
    /// - Returns: false if it, or an earlier one, is no UTF-8.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isValid else { return false }
        var position = 0
        let count = bytes.count
        while position < count {
            if pending == 0 && position + 8 <= count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                if word & 0x8080_8080_8080_8080 == 0 {
                    position += 8
                    continue
                }
            }
            guard unsafe step(bytes[position]) else {
                isValid = false
                break
            }
            position += 1
        }
        validBytes += UInt64(position)
        return isValid
    }

    /// Ends the check: false if the last sequence is cut.
    package mutating func finish() -> Bool {
        isValid = isValid && pending == 0
        return isValid
    }

    private mutating func step(_ byte: UInt8) -> Bool {
        if pending > 0 {
            guard byte >= lowest && byte <= highest else { return false }
            pending -= 1
            lowest = 0x80
            highest = 0xBF
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: pending = 1
        case 0xE0...0xEF:
            pending = 2
            if byte == 0xE0 { lowest = 0xA0 }
            if byte == 0xED { highest = 0x9F }
        case 0xF0...0xF4:
            pending = 3
            if byte == 0xF0 { lowest = 0x90 }
            if byte == 0xF4 { highest = 0x8F }
        default: return false
        }
        return true
    }
}
