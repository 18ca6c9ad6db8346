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

    @Test(arguments: [1, 2, 32_767] as [Int16])
    func `every version is read, with fields that it alone has, in any order`(version: Int16) throws {
        let message = StepMessage(job: .random(), ordinal: 32_767, kind: .importBatch, version: version)
        #expect(try MessageCodec.decode(MessageCodec.encode(message)) == message)
        let text =
            #"{ "v": \#(version), "extra": {"a": [1]}, "step": 32767, "kind": "import", "job": "\#(message.job)" }"#
        #expect(try MessageCodec.decode(Array(text.utf8)) == message)
    }

    @Test func `what is written by hand is what Foundation would read`() throws {
        struct Wire: Decodable, Equatable {
            let v: Int
            let job: String
            let step: Int
            let kind: String
            let traceparent: String?
        }
        let message = StepMessage(job: .random(), ordinal: 12, kind: .convert, version: 3, traceParent: "00-ab-cd-01")
        let wire = try JSONDecoder().decode(Wire.self, from: Data(MessageCodec.encode(message)))
        #expect(
            wire
                == Wire(
                    v: 3, job: message.job.description, step: 12, kind: "convert", traceparent: "00-ab-cd-01"))
    }

    /// The quick reader may never read what Foundation would not, or read it otherwise.
    @Test(arguments: 0..<8)
    func `a damaged message is read as Foundation reads it, or not at all`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        for _ in 0..<500 {
            let message = StepMessage(
                job: .random(), ordinal: Int16.random(in: 1...32_767, using: &generator), kind: .convert,
                version: Int16.random(in: 1...9, using: &generator),
                traceParent: Bool.random(using: &generator) ? trace : nil)
            var bytes = MessageCodec.encode(message)
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 32...126, using: &generator)
            case 1: bytes.remove(at: place)
            default: bytes.insert(bytes[place], at: place)
            }
            // A blank in front is the same JSON and no canonical form.
            let quick = try? MessageCodec.decode(bytes)
            let patient = try? MessageCodec.decode([32] + bytes)
            #expect(quick == patient, "\(String(decoding: bytes, as: UTF8.self))")
        }
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
        (#"{"v":0,"job":"0190aaaa-0000-7000-8000-000000000000","step":1,"kind":"extract"}"#, .unknownVersion(0)),
        (
            #"{"v":40000,"job":"0190aaaa-0000-7000-8000-000000000000","step":1,"kind":"extract"}"#,
            .unknownVersion(40000)
        ),
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

/// SplitMix64.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
