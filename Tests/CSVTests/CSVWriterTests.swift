import CSV
import Testing

@Suite(.timeLimit(.minutes(5)))
struct CSVWriterTests {
    private final class Sink {
        var bytes: [UInt8] = []
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    @Test func `only fields that need quotes get them`() throws {
        let sink = Sink()
        var writer = CSVWriter { sink.bytes += $0 }
        try writer.record(["plain", "with, comma", "say \"hi\"", "two\nlines", " edge", "a b", "", "Zoë-'x'"])
        try writer.finish()
        #expect(sink.text == "plain,\"with, comma\",\"say \"\"hi\"\"\",\"two\nlines\",\" edge\",a b,,Zoë-'x'\n")
        #expect(writer.recordCount == 1)
        #expect(writer.byteCount == UInt64(sink.bytes.count))
    }

    @Test(arguments: 64...80)
    func `what is written is read back, whatever the buffer`(bufferBytes: Int) throws {
        let sink = Sink()
        var writer = CSVWriter(bufferBytes: bufferBytes) { sink.bytes += $0 }
        let rows = (0..<50).map {
            ["\($0)", String(repeating: "\",\n", count: $0), "x\(String(repeating: "y", count: $0 * 3))"]
        }
        for row in rows { try writer.record(row) }
        try writer.finish()
        var scanner = CSVScanner(bytes: sink.bytes)
        var found: [[String]] = []
        while try scanner.next() { found.append(scanner.fields) }
        #expect(found == rows)
    }

    @Test(arguments: ["\0", "abc\0", "abcdefgh\0ijklmnop", "abcdefgh,jklm\0"])
    func `a NUL is refused`(text: String) {
        var writer = CSVWriter { _ in }
        do {
            try writer.field(text)
            Issue.record("the NUL was written")
        } catch {
            #expect((error as? CSVError)?.code == .nulByte)
        }
    }

    @Test func `a file that cannot be created is an error`() {
        #expect(throws: CSVError.self) { _ = try CSVWriter(path: "/does/not/exist/out.csv") }
    }

    @Test func `joined runs make one field`() throws {
        let sink = Sink()
        var writer = CSVWriter { sink.bytes += $0 }
        try writer.joined(ByteView("Li"), ByteView(", "), ByteView("Wei"))
        try writer.joined(ByteView("p-"), ByteView("1"))
        try writer.endRecord()
        try writer.finish()
        #expect(sink.text == "\"Li, Wei\",p-1\n")
    }
}

@Suite(.timeLimit(.minutes(5)))
struct UTF8ValidationTests {
    @Test(
        arguments: [
            ([0x61, 0x62], true), ([0xC3, 0xA9], true), ([0xE6, 0x9D, 0x8E], true), ([0xF0, 0x9F, 0x98, 0x80], true),
            ([0xC0, 0x80], false), ([0xED, 0xA0, 0x80], false), ([0xF4, 0x90, 0x80, 0x80], false), ([0x80], false),
            ([0xC3], false), ([0xE9, 0x61], false), ([0xFF], false), ([0xF0, 0x80, 0x80, 0x80], false),
        ] as [([UInt8], Bool)])
    func `bytes pass if and only if they are UTF-8, in one piece or in many`(bytes: [UInt8], expected: Bool) {
        let padded = Array("0123456789".utf8) + bytes
        var whole = UTF8Validation()
        _ = padded.withUnsafeBytes { whole.take($0) }
        #expect(whole.finish() == expected)
        var pieces = UTF8Validation()
        for byte in padded { _ = [byte].withUnsafeBytes { pieces.take($0) } }
        #expect(pieces.finish() == expected)
    }
}
