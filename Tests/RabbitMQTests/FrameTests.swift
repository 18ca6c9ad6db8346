import CRabbitMQ
import Glibc
import Testing

@testable import RabbitMQ

/// The library unlinks frames from its queue while it looks for one of a certain channel; see `ContentAssembler`. Here
/// frames of every kind stand before the answer of a request, so all of them go through that queue.
@Suite struct FrameTests {
    @Test func `no frame is lost when others are interleaved and a request is answered in between`() throws {
        let peer = try FakePeer()
        var handle = RabbitMQHandle(configuration: RabbitMQConfiguration(), guardian: SocketGuard())
        try peer.attach(&handle)
        peer.send(
            delivery(tag: 1, body: ["one"]) + method(0, 10, 60, short("low on memory"))
                + delivery(tag: 2, body: ["t", "w", "o"]) + method(1, 60, 80, [0, 0, 0, 0, 0, 0, 0, 9, 1])
                + [8, 0, 0, 0, 0, 0, 0, 0xCE]  // heartbeat
                + method(0, 10, 61, []) + method(1, 60, 30, short("tag") + [1])
                // The answer, on the other channel; behind it more traffic.
                + method(2, 50, 11, short("queue") + [0, 0, 0, 5, 0, 0, 0, 1])
                + returned(code: 312, id: "id-7", body: "back") + delivery(tag: 3, body: [])
                + delivery(tag: 4, body: ["four"]))
        let depth = try handle.inspect(queue: "queue", channel: RabbitMQHandle.questionChannel)
        #expect(depth == RabbitMQQueueDepth(messages: 5, consumers: 1))
        var events: [String] = []
        while let event = try handle.nextEvent() { events.append(describe(event)) }
        #expect(
            events == [
                "delivery 1 one", "blocked low on memory", "delivery 2 two", "confirm 9 true", "unblocked",
                "cancelled tag",
                "returned 312 id-7", "delivery 3 ", "delivery 4 four",
            ])
    }

    @Test func `content out of order and above the limit is a violation`() throws {
        let dispatch = RabbitMQDispatch(consumerTag: "", tag: 1, isRedelivered: false, exchange: "", routingKey: "")
        let faulty: [[RabbitMQFrame]] = [
            [.body([1])],
            [.header(bodyBytes: 1, properties: RabbitMQProperties())],
            [.delivered(dispatch), .delivered(dispatch)],
            [.delivered(dispatch), .header(bodyBytes: 11, properties: RabbitMQProperties())],
            [.delivered(dispatch), .header(bodyBytes: 2, properties: RabbitMQProperties()), .body([1, 2, 3])],
        ]
        for frames in faulty {
            var assembler = ContentAssembler(bodyLimitBytes: 10)
            #expect {
                for frame in frames { _ = try assembler.take(frame) }
            } throws: {
                ($0 as? RabbitMQError)?.code == .protocolViolation
            }
        }
    }

    private func describe(_ event: RabbitMQEvent) -> String {
        switch event {
        case .delivery(let dispatch, _, let body): "delivery \(dispatch.tag) \(String(decoding: body, as: UTF8.self))"
        case .confirm(let tag, let multiple, _): "confirm \(tag) \(multiple)"
        case .returned(let returned): "returned \(returned.code) \(returned.messageID ?? "")"
        case .consumerCancelled(let tag): "cancelled \(tag)"
        case .blocked(let reason): "blocked \(reason)"
        case .unblocked: "unblocked"
        }
    }
}

/// The broker's end of a socket pair.
private final class FakePeer {
    private let ours: Int32
    private let theirs: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
        try #require(unsafe socketpair(AF_UNIX, type, 0, &ends) == 0)
        (ours, theirs) = (ends[0], ends[1])
    }

    deinit {
        // The other end belongs to the handle.
        close(ours)
    }

    func attach(_ handle: inout RabbitMQHandle) throws {
        guard let socket = unsafe amqp_tcp_socket_new(handle.state) else { throw CancellationError() }
        unsafe amqp_tcp_socket_set_sockfd(socket, theirs)
    }

    func send(_ bytes: [UInt8]) {
        #expect(unsafe write(ours, bytes, bytes.count) == bytes.count)
    }
}

private func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
}

private func short(_ text: String) -> [UInt8] {
    [UInt8(text.utf8.count)] + Array(text.utf8)
}

private func frame(_ type: UInt8, _ channel: UInt16, _ payload: [UInt8]) -> [UInt8] {
    [type] + big(channel) + big(UInt32(payload.count)) + payload + [0xCE]
}

private func method(_ channel: UInt16, _ classNumber: UInt16, _ number: UInt16, _ arguments: [UInt8]) -> [UInt8] {
    frame(1, channel, big(classNumber) + big(number) + arguments)
}

private func content(_ id: String?, _ body: [String]) -> [UInt8] {
    let size = UInt64(body.reduce(0) { $0 + $1.utf8.count })
    let properties: [UInt8] = id.map { big(UInt16(0x80)) + short($0) } ?? big(UInt16(0))
    let header = frame(2, 1, big(UInt16(60)) + big(UInt16(0)) + big(size) + properties)
    return header + body.flatMap { frame(3, 1, Array($0.utf8)) }
}

private func delivery(tag: UInt64, body: [String]) -> [UInt8] {
    method(1, 60, 60, short("consumer") + big(tag) + [0] + short("exchange") + short("key")) + content(nil, body)
}

private func returned(code: UInt16, id: String, body: String) -> [UInt8] {
    method(1, 60, 50, big(code) + short("NO_ROUTE") + short("exchange") + short("key")) + content(id, [body])
}
