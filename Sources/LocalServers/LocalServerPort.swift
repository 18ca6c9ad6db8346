import Glibc

/// Finds TCP ports of 127.0.0.1 that nobody listens on.
package enum LocalServerPort {
    /// A port that is free now; another process may take it before the server binds it, so a start that fails is worth
    /// a second try.
    /// - Throws: `ServerError` with `.system` when no port can be had.
    package static func free() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) | getsockname(descriptor, address, &length)
            }
        }
        guard descriptor >= 0, status == 0 else {
            throw ServerError(
                .system, operation: "find a free port: errno \(errno)", remedy: "Check the loopback interface.")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
