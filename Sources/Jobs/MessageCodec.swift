import FoundationEssentials

/// Turns step messages into JSON and back.
///
/// All versions share these five fields; a newer one may add others, which are passed over. What the product writes
/// itself is read by ``CanonicalMessage``; any other JSON of the same meaning, which only tools write, by Foundation's
/// decoder, some twenty times slower.
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

    private static let lengthLimitBytes = 4096

    /// The message as JSON of at most 300 bytes, keys sorted.
    package static func encode(_ message: StepMessage) -> [UInt8] {
        CanonicalMessage.write(message)
    }

    /// Reads a message of any version; whether the program understands that one is the reader's matter.
    ///
    /// - Throws: `MessageError`, which says whether the bytes are no message at all or one of a kind that this program
    ///   does not know, or of a version that cannot be (0 or less, or above 32 767).
    package static func decode(_ bytes: [UInt8]) throws(MessageError) -> StepMessage {
        if let message = CanonicalMessage.read(bytes) { return message }
        guard bytes.count <= lengthLimitBytes, let wire = try? JSONDecoder().decode(Wire.self, from: Data(bytes))
        else { throw MessageError.unreadable }
        guard let version = Int16(exactly: wire.version), version > 0 else {
            throw MessageError.unknownVersion(wire.version)
        }
        guard let kind = StepKind(rawValue: wire.kind) else { throw MessageError.unknownKind(wire.kind) }
        guard let job = JobID(wire.job), wire.ordinal > 0 else { throw MessageError.unreadable }
        return StepMessage(
            job: job, ordinal: wire.ordinal, kind: kind, version: version, traceParent: wire.traceParent)
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
