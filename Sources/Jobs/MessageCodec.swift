import FoundationEssentials

/// Turns step messages into JSON and back.
///
/// The form is small and flat, and a worker may read tens of thousands of them a second; but a message is some 120
/// bytes, which Foundation's decoder reads in microseconds, beside a claim that costs more.
package enum MessageCodec {
    private struct Wire: Codable {
        let version: Int
        let job: String
        let ordinal: Int16
        let kind: String
        let traceParent: String?

        enum CodingKeys: String, CodingKey {
            case version = "v"
            case job
            case ordinal = "step"
            case kind
            case traceParent = "traceparent"
        }
    }

    /// The message as JSON of at most 300 bytes, keys sorted.
    package static func encode(_ message: StepMessage) -> [UInt8] {
        // Written by hand, as no value in it can need escaping: a UUID, a number and words of a closed set.
        var text = #"{"job":"\#(message.job)","kind":"\#(message.kind.rawValue)","step":\#(message.ordinal)"#
        if let traceParent = message.traceParent, traceParent.utf8.allSatisfy(isTraceByte) {
            text += #","traceparent":"\#(traceParent)""#
        }
        text += #","v":\#(StepMessage.currentVersion)}"#
        return Array(text.utf8)
    }

    /// Reads a message.
    ///
    /// - Throws: `MessageError`, which says whether the bytes are no message at all or one of a version or kind that
    ///   this program does not know.
    package static func decode(_ bytes: [UInt8]) throws(MessageError) -> StepMessage {
        guard bytes.count <= 4096, let wire = try? JSONDecoder().decode(Wire.self, from: Data(bytes)) else {
            throw MessageError.unreadable
        }
        guard wire.version == StepMessage.currentVersion else { throw MessageError.unknownVersion(wire.version) }
        guard let kind = StepKind(rawValue: wire.kind) else { throw MessageError.unknownKind(wire.kind) }
        guard let job = JobID(wire.job), wire.ordinal > 0 else { throw MessageError.unreadable }
        return StepMessage(job: job, ordinal: wire.ordinal, kind: kind, traceParent: wire.traceParent)
    }

    private static func isTraceByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            || byte == UInt8(ascii: "-")
    }
}

/// Why bytes from the broker are no message for this program.
package enum MessageError: Error, Hashable, CustomStringConvertible {
    case unreadable
    case unknownVersion(Int)
    case unknownKind(String)

    package var description: String {
        switch self {
        case .unreadable: "not a step message; something else publishes to this queue"
        case .unknownVersion(let version):
            "a step message of version \(version), which this worker does not read; upgrade it"
        case .unknownKind: "a step message of a kind that this worker does not know; upgrade it"
        }
    }
}
