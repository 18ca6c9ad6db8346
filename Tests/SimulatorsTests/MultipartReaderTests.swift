import Testing

@testable import Simulators

@Suite(.timeLimit(.minutes(5)))
struct MultipartReaderTests {
    private static let body = """
        --frontier\r\nContent-Disposition: form-data; name="import_type"\r\n\r\ninstructure_csv\r\n\
        --frontier\r\nContent-Disposition: form-data; name="attachment"; filename="ä \\"b\\".csv"\r\n\
        Content-Type: text/csv\r\n\r\na,b\r\n1,--frontie\r\n\r\n--frontier\r\n\
        Content-Disposition: form-data; name="empty"\r\n\r\n\r\n--frontier--\r\n
        """

    @Test(arguments: [1, 2, 3, 7, 64, 100_000])
    func `the parts are the same wherever the body is cut`(size: Int) throws {
        var reader = MultipartReader(boundary: "frontier")
        var parts: [(MultipartReader.Part, String)] = []
        let bytes = Array(Self.body.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            for event in try reader.feed(Array(bytes[start..<min(start + size, bytes.count)])) {
                switch event {
                case .begin(let part): parts.append((part, ""))
                case .bytes(let bytes): parts[parts.count - 1].1 += String(decoding: bytes, as: UTF8.self)
                case .end: break
                }
            }
        }
        #expect(reader.isComplete)
        #expect(parts.map(\.0.name) == ["import_type", "attachment", "empty"])
        #expect(parts.map(\.1) == ["instructure_csv", "a,b\r\n1,--frontie\r\n", ""])
        #expect(parts.map(\.0.fileName) == [nil, "ä \"b\".csv", nil])
    }

    @Test func `a body that breaks off is not complete`() throws {
        var reader = MultipartReader(boundary: "frontier")
        _ = try reader.feed(Array(Self.body.utf8.dropLast(20)))
        #expect(!reader.isComplete)
    }

    @Test func `a header without an end is refused`() throws {
        var reader = MultipartReader(boundary: "frontier")
        let error = #expect(throws: SimulatorError.self) {
            try reader.feed(Array("--frontier\r\n".utf8) + [UInt8](repeating: 65, count: 20_000))
        }
        #expect(error?.code == .malformedUpload)
    }

    @Test func `a part without a name is refused`() throws {
        var reader = MultipartReader(boundary: "frontier")
        let error = #expect(throws: SimulatorError.self) {
            try reader.feed(Array("--frontier\r\nContent-Type: text/csv\r\n\r\nx".utf8))
        }
        #expect(error?.code == .malformedUpload)
    }

    @Test(arguments: [
        ("multipart/form-data; boundary=abc", "abc"), ("Multipart/Form-Data; charset=x; boundary=\"a b\"", "a b"),
        ("text/csv", nil), ("multipart/form-data", nil), ("", nil),
    ])
    func `the boundary comes from the content type`(contentType: String, boundary: String?) {
        #expect(MultipartReader.boundary(of: contentType) == boundary)
    }
}
