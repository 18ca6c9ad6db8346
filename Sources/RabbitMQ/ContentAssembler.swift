/// Puts messages together from method, header and body frames; pure.
///
/// The library offers to do this, and loses frames on the way: while it waits for the rest of a message it unlinks
/// whatever stands in its queue before the frame it looks for. So this client only ever takes the next frame, and
/// assembles here. On one channel the frames of a message may not be interleaved with others of that channel, but
/// confirms of the same channel's past and everything of channel 0 may come at any time between messages.
struct ContentAssembler {
    private enum Phase {
        case idle
        case awaitingHeader(Head)
        case awaitingBody(Head, RabbitMQProperties, expected: Int, [UInt8])
    }

    private enum Head {
        case dispatch(RabbitMQDispatch)
        case returned(RabbitMQReturn)
    }

    private let bodyLimitBytes: Int
    private var phase = Phase.idle

    init(bodyLimitBytes: Int) {
        self.bodyLimitBytes = bodyLimitBytes
    }

    /// Takes the next frame; returns an event when one is complete.
    /// - Throws: `.protocolViolation` for content out of order or beyond the limit, and the error of a closed channel
    ///   or connection. Nothing may be taken afterwards.
    mutating func take(_ frame: RabbitMQFrame) throws(RabbitMQError) -> RabbitMQEvent? {
        switch frame {
        case .returned(let returned): try begin(.returned(returned))
        case .delivered(let dispatch): try begin(.dispatch(dispatch))
        case .header(let bodyBytes, let properties): return try take(header: properties, bodyBytes: bodyBytes)
        case .body(let bytes): return try take(body: bytes)
        case .confirm(let tag, let multiple, let isAccepted):
            return .confirm(tag: tag, multiple: multiple, isAccepted: isAccepted)
        case .consumerCancelled(let tag): return .consumerCancelled(tag: tag)
        case .blocked(let reason): return .blocked(reason: reason)
        case .unblocked: return .unblocked
        case .channelClosed(_, let code, let text):
            throw RabbitMQError(replyCode: code, text: text, operation: "use channel", closesConnection: false)
        case .connectionClosed(let code, let text):
            throw RabbitMQError(replyCode: code, text: text, operation: "use connection", closesConnection: true)
        case .other: break
        }
        return nil
    }

    private mutating func begin(_ head: Head) throws(RabbitMQError) {
        guard case .idle = phase else { throw Self.violation("a message within a message") }
        phase = .awaitingHeader(head)
    }

    private mutating func take(header: RabbitMQProperties, bodyBytes: UInt64) throws(RabbitMQError) -> RabbitMQEvent? {
        guard case .awaitingHeader(let head) = phase else { throw Self.violation("a header without a method") }
        guard bodyBytes <= UInt64(bodyLimitBytes) else {
            throw Self.violation("a body of \(bodyBytes) bytes, above the limit of \(bodyLimitBytes)")
        }
        if bodyBytes == 0 {
            phase = .idle
            return Self.event(head, header, body: [])
        }
        phase = .awaitingBody(head, header, expected: Int(bodyBytes), [])
        return nil
    }

    private mutating func take(body bytes: [UInt8]) throws(RabbitMQError) -> RabbitMQEvent? {
        guard case .awaitingBody(let head, let properties, let expected, var body) = phase else {
            throw Self.violation("a body without a header")
        }
        phase = .idle
        guard body.count + bytes.count <= expected else { throw Self.violation("a body longer than announced") }
        if body.isEmpty {
            // The usual case, a body of one frame, costs no copy.
            body = bytes
        } else {
            body += bytes
        }
        if body.count == expected { return Self.event(head, properties, body: body) }
        if body.capacity < expected { body.reserveCapacity(expected) }
        phase = .awaitingBody(head, properties, expected: expected, body)
        return nil
    }

    private static func event(_ head: Head, _ properties: RabbitMQProperties, body: [UInt8]) -> RabbitMQEvent {
        switch head {
        case .dispatch(let dispatch):
            return .delivery(dispatch, properties, body: body)
        case .returned(var returned):
            returned.messageID = properties.messageID
            return .returned(returned)
        }
    }

    private static func violation(_ what: String) -> RabbitMQError {
        RabbitMQError(.protocolViolation, operation: "read from the broker", detail: what)
    }
}
