import Foundation
import Testing

@testable import StatusAPI

@Suite(.timeLimit(.minutes(5)))
struct TableTranscoderTests {
    /// The JSON of the bytes, fed in pieces of a size.
    private static func json(_ bytes: [UInt8], piece: Int) throws -> [[String: String]]? {
        var transcoder = TableTranscoder()
        var output: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            output += try transcoder.feed(Array(bytes[start..<min(start + piece, bytes.count)]))
        }
        output += try transcoder.finish()
        return try JSONSerialization.jsonObject(with: Data(output)) as? [[String: String]]
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `the pieces in which bytes come do not matter`(piece: Int) throws {
        let text = "\u{FEFF}id,\"na\"\"me\",\r\n1,\"a\r\nb\",\n\n2,Zoë\t\r3,x,y,z\n4,\"\""
        let rows = try Self.json(Array(text.utf8), piece: piece)
        #expect(
            rows == [
                ["id": "1", "na\"me": "a\r\nb", "column_3": ""], ["id": "2", "na\"me": "Zoë\t"],
                ["id": "3", "na\"me": "x", "column_3": "y", "column_4": "z"], ["id": "4", "na\"me": ""],
            ])
    }

    @Test(arguments: ["", "id,name", "id,name\r\n", "\n\n"])
    func `a table without rows is an empty array`(text: String) throws {
        #expect(try Self.json(Array(text.utf8), piece: 1) == [])
    }

    @Test func `names that come twice stay apart, and stray quotes are kept`() throws {
        #expect(try Self.json(Array("a,a\n1\"x,2".utf8), piece: 4) == [["a": "1\"x", "a_2": "2"]])
    }

    @Test func `bytes that are no UTF-8 are replaced`() throws {
        #expect(try Self.json(Array("a\n".utf8) + [0x41, 0xFF, 0x42], piece: 100) == [["a": "A\u{FFFD}B"]])
        #expect(try Self.json([0xEF, 0xBB, 0x41, 0x0A, 0x31], piece: 1)?.first?.values.first == "1")
    }

    @Test(arguments: ["a\n\"open", "a\n\"x\"y"])
    func `what is no table is refused with its line`(text: String) {
        let error = #expect(throws: TableError.self) { try Self.json(Array(text.utf8), piece: 2) }
        #expect(error?.line == 2)
    }

    @Test func `a field without end is refused before it fills the memory`() {
        var transcoder = TableTranscoder()
        let piece = Array(repeating: UInt8(ascii: "x"), count: 1 << 20)
        #expect(throws: TableError.self) {
            _ = try transcoder.feed(piece)
            _ = try transcoder.feed(piece)
        }
    }
}
