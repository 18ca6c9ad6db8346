import Glibc

/// Reads secrets where their references point, anew each time: a rotated secret is used at the next request, without
/// a restart.
package struct SecretSource: Sendable {
    /// Bytes; what is larger is no secret.
    private static let limit = 64 << 10

    private let environment: @Sendable (String) -> String?

    /// - Parameter environment: for tests; default this process's.
    package init(environment: @escaping @Sendable (String) -> String? = Self.processEnvironment) {
        self.environment = environment
    }

    /// - Returns: the value, for a file without its last line end.
    /// - Throws: `SecretError`, never with the value in it.
    package func read(_ reference: SecretReference) throws(SecretError) -> Secret {
        let value: String
        switch reference {
        case .environment(let name):
            guard let found = environment(name) else { throw SecretError(.missing, reference: "\(reference)") }
            value = found
        case .file(let path): value = try Self.content(of: path, reference)
        }
        guard !value.isEmpty else { throw SecretError(.empty, reference: "\(reference)") }
        return Secret(value)
    }

    private static func content(of path: String, _ reference: SecretReference) throws(SecretError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw SecretError(errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable, reference: "\(reference)")
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SecretError(.unreadable, reference: "\(reference)") }
            if count == 0 { break }
            filled += count
        }
        guard filled <= limit, let text = String(validating: bytes[..<filled], as: UTF8.self) else {
            throw SecretError(.notText, reference: "\(reference)")
        }
        return text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    /// getenv(3); sound as long as nobody sets variables after start, which this program does not.
    package static let processEnvironment: @Sendable (String) -> String? = { name in
        getenv(name).map { String(cString: $0) }
    }
}
