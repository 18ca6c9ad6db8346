/// Bytes as Postgres writes a bytea in text.
enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func bytea(_ bytes: [UInt8]) -> String {
        "\\x" + text(bytes)
    }

    static func text(_ bytes: [UInt8]) -> String {
        String(
            unsafe String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
                for (index, byte) in bytes.enumerated() {
                    unsafe buffer[index * 2] = digits[Int(byte >> 4)]
                    unsafe buffer[index * 2 + 1] = digits[Int(byte & 15)]
                }
                return bytes.count * 2
            })
    }
}
