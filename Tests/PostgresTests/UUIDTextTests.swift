import FoundationEssentials
import Postgres
import Testing

/// The text of a UUID, without a server.
@Suite(.timeLimit(.minutes(5)))
struct UUIDTextTests {
    @Test func `every UUID comes back from its own text`() {
        for _ in 0..<1000 {
            let value = UUID()
            var bytes: [UInt8] = []
            #expect(value.encode(into: &bytes))
            #expect(String(decoding: bytes, as: UTF8.self) == value.uuidString.lowercased())
            #expect(UUID(postgresText: bytes.span) == value)
        }
    }

    @Test func `capital digits are read too`() {
        let text = Array("00112233-4455-6677-8899-AABBCCDDEEFF".utf8)
        #expect(UUID(postgresText: text.span) == UUID(uuidString: "00112233-4455-6677-8899-aabbccddeeff"))
    }

    @Test(arguments: [
        "", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefff",
        "00112233-4455-6677-8899-aabbccddeefg", "0011223304455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899aabbccddeeff-",
    ])
    func `what is no UUID is refused`(text: String) {
        let bytes = Array(text.utf8)
        #expect(UUID(postgresText: bytes.span) == nil)
    }

    @Test func `an array needs no quotes`() {
        let value = UUID()
        var bytes: [UInt8] = []
        UUID.encodeArray([value, value], into: &bytes)
        let text = value.uuidString.lowercased()
        #expect(String(decoding: bytes, as: UTF8.self) == "{\(text),\(text)}")
    }
}
