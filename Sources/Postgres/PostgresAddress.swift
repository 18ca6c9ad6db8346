import Glibc

/// One place to connect to.
struct PostgresAddress: Sendable, Equatable {
    /// As configured; TLS checks the certificate against it.
    let host: String
    /// Numeric; nil for a Unix socket.
    let address: String?

    /// Looks a host up, away from the loop, since getaddrinfo(3) blocks for as long as the resolver's configuration
    /// says.
    /// - Throws: `PostgresError` with `.connectionFailed`.
    static func resolve(_ host: String) async throws -> [PostgresAddress] {
        if host.hasPrefix("/") { return [PostgresAddress(host: host, address: nil)] }
        // A numeric address needs nobody's answer.
        var addresses = lookUp(host, flags: AI_NUMERICHOST)
        if addresses.isEmpty { addresses = await PostgresBlockingCalls.resolving.run { lookUp(host, flags: 0) } }
        guard !addresses.isEmpty else {
            throw PostgresError(
                .connectionFailed, operation: "find the address of \(host)",
                remedy: "Check the host's name and the resolver.", isTransient: true)
        }
        return addresses.map { PostgresAddress(host: host, address: $0) }
    }

    private static func lookUp(_ host: String, flags: Int32) -> [String] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = flags
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [String] = []
        var next = unsafe list
        while let entry = unsafe next?.pointee {
            var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = unsafe getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST)
            if status == 0 {
                let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                addresses.append(String(decoding: bytes, as: UTF8.self))
            }
            unsafe next = unsafe entry.ai_next
        }
        return addresses
    }
}
