import Foundation
import Glibc
import NIOConcurrencyHelpers

/// A TCP server on loopback that does exactly what a test says, wrong things included; a thread for each connection.
final class ScriptedServer: Sendable {
    let port: Int
    /// Connections open at once, at most so far.
    var maxConnections: Int { counts.withLockedValue { $0.max } }

    private struct Counts {
        var open = 0
        var max = 0
    }

    private let descriptor: Int32
    private let counts = NIOLockedValueBox(Counts())

    init(_ script: @escaping @Sendable (ScriptedConnection) -> Void) throws {
        let (descriptor, port) = try Self.bound()
        guard listen(descriptor, 64) == 0 else { throw Unexpected(what: "listen: errno \(errno)") }
        self.descriptor = descriptor
        self.port = port
        let counts = counts
        Thread.detachNewThread { Self.accept(on: descriptor, counts, script) }
    }

    /// Only ends the accepting; its thread closes the descriptor, or it would go on with whoever gets the number next.
    deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// A port nobody listens on.
    static func closedPort() throws -> Int {
        let (descriptor, port) = try bound()
        close(descriptor)
        return port
    }

    private static func bound() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, length) == 0 && getsockname(descriptor, raw, &length) == 0
            }
        }
        guard isBound else { throw Unexpected(what: "bind: errno \(errno)") }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    private static func accept(
        on descriptor: Int32,
        _ counts: NIOLockedValueBox<Counts>,
        _ script: @escaping @Sendable (ScriptedConnection) -> Void
    ) {
        while true {
            let accepted = Glibc.accept(descriptor, nil, nil)
            guard accepted >= 0 else { break }
            counts.withLockedValue { value in
                value.open += 1
                value.max = max(value.max, value.open)
            }
            Thread.detachNewThread {
                script(ScriptedConnection(descriptor: accepted))
                counts.withLockedValue { $0.open -= 1 }
                close(accepted)
            }
        }
        close(descriptor)
    }

    fileprivate static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}

/// One accepted connection; blocking calls, on its own thread.
struct ScriptedConnection: Sendable {
    let descriptor: Int32

    /// Up to and with the empty line; "" if the peer hangs up.
    func readHead() -> String {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard let byte = read(1).first else { return "" }
            head.append(byte)
        }
        return String(decoding: head, as: UTF8.self)
    }

    func read(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = Glibc.recv(descriptor, &bytes, count, 0)
        return Array(bytes.prefix(max(0, got)))
    }

    /// - Returns: false if the peer does not take it (any more, or within `stallMilliseconds`).
    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// How long a write may wait for the peer to read.
    func limitStall(milliseconds: Int) {
        var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Waits until the peer hangs up.
    func readToEnd() {
        while !read(4096).isEmpty {}
    }

    /// As a proxy's tunnel does, until either side ends.
    func relay(to port: Int) {
        let other = ScriptedConnection(descriptor: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        var address = ScriptedServer.loopback(port: port)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(other.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return }
        Thread.detachNewThread {
            pump(from: other, to: self)
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
        pump(from: self, to: other)
        shutdown(other.descriptor, Int32(SHUT_RDWR))
        close(other.descriptor)
    }

    private func pump(from: ScriptedConnection, to: ScriptedConnection) {
        while true {
            let bytes = from.read(16 << 10)
            guard !bytes.isEmpty, to.write(bytes) else { return }
        }
    }
}
