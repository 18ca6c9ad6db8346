import Foundation
import Jobs
import Testing

@Suite struct MessageCodecTests {
    @Test(arguments: StepKind.allCases)
    func `a message survives the wire`(kind: StepKind) throws {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let message = StepMessage(job: .random(), ordinal: 3, kind: kind, traceParent: trace)
        #expect(try MessageCodec.decode(MessageCodec.encode(message)) == message)
    }

    @Test func `a trace context that is none is left out`() throws {
        let message = StepMessage(job: .random(), ordinal: 1, kind: .extract, traceParent: #"","v":9"#)
        #expect(try MessageCodec.decode(MessageCodec.encode(message)).traceParent == nil)
    }

    @Test(arguments: [
        ("", MessageError.unreadable),
        ("[]", .unreadable),
        (#"{"v":1,"job":"x","step":1,"kind":"extract"}"#, .unreadable),
        (#"{"v":1,"job":"0190aaaa-0000-7000-8000-000000000000","step":0,"kind":"extract"}"#, .unreadable),
        (#"{"v":2,"job":"0190aaaa-0000-7000-8000-000000000000","step":1,"kind":"extract"}"#, .unknownVersion(2)),
        (#"{"v":1,"job":"0190aaaa-0000-7000-8000-000000000000","step":1,"kind":"dance"}"#, .unknownKind("dance")),
    ])
    func `what is no message is refused with its reason`(text: String, error: MessageError) {
        #expect(throws: error) { try MessageCodec.decode(Array(text.utf8)) }
    }

    @Test func `ids sort by the time of their creation`() {
        var generator = SystemRandomNumberGenerator()
        let ids = (0..<100).map {
            JobID(at: Date(timeIntervalSince1970: 1_700_000_000 + Double($0)), using: &generator)
        }
        #expect(ids.map(\.description) == ids.map(\.description).sorted())
        #expect(ids.allSatisfy { $0.description.dropFirst(14).first == "7" })
    }
}
