import FoundationEssentials
import Glibc
import NIOConcurrencyHelpers

/// Finds TCP ports of 127.0.0.1 that nobody listens on.
///
/// Not those that the kernel gives to outgoing connections: a server binds its port some seconds after it was found,
/// and again after each restart, and meanwhile a connection of anybody's would have it.
package enum LocalServerPort {
    private static let candidates = candidates(ephemeral: ephemeral())
    /// Begins anywhere, so that processes that start servers at the same time do not meet.
    private static let next = NIOLockedValueBox(Int.random(in: 0..<max(1, candidates.count)))

    /// A port that is free now, and that this process gets only once until it has had them all. Another process may
    /// take it before the server binds it, so a start that fails is worth a second try.
    /// - Throws: `ServerError` with `.system` when no port can be had.
    package static func free() throws -> Int {
        for _ in candidates {
            let place = next.withLockedValue { next in
                defer { next = (next + 1) % candidates.count }
                return next
            }
            let port = candidates[candidates.startIndex + place]
            if try bindOnce(port) != nil { return port }
        }
        // Where the kernel has all of them for itself, it chooses.
        guard candidates.isEmpty, let port = try bindOnce(0) else {
            throw ServerError(
                .system, operation: "find a free port among \(candidates)",
                remedy: "Stop servers that are not needed, or narrow net.ipv4.ip_local_port_range.")
        }
        return port
    }

    /// The ports below those of outgoing connections, or those above; empty where too few are left.
    static func candidates(ephemeral: ClosedRange<Int>) -> Range<Int> {
        let lowest = 10_000
        let enough = 1000
        if ephemeral.lowerBound >= lowest + enough { return lowest..<ephemeral.lowerBound }
        if ephemeral.upperBound <= 65_535 - enough { return max(lowest, ephemeral.upperBound + 1)..<65_536 }
        return lowest..<lowest
    }

    /// What the kernel gives to outgoing connections (Linux, `Documentation/networking/ip-sysctl`).
    static func ephemeral() -> ClosedRange<Int> {
        let text = try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)
        let bounds = (text ?? "").split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        guard bounds.count == 2, bounds[0] <= bounds[1] else { return 32_768...60_999 }
        return bounds[0]...bounds[1]
    }

    /// - Parameter port: 0 lets the kernel choose.
    /// - Returns: the port; nil if somebody has it.
    private static func bindOnce(_ port: Int) throws -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) | getsockname(descriptor, address, &length)
            }
        }
        if status != 0, errno == EADDRINUSE { return nil }
        guard descriptor >= 0, status == 0 else {
            throw ServerError(
                .system, operation: "find a free port: errno \(errno)", remedy: "Check the loopback interface.")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
