extension RabbitMQConfiguration {
    /// Reads `amqp://user:password@host:port,host:port/vhost?key=value` or `amqps://…`.
    ///
    /// User, password and virtual host are percent-decoded; no path, or only a slash, is the virtual host `/`. The
    /// keys are `heartbeat` (seconds), `connection_timeout` (milliseconds), `cacertfile`, `certfile`, `keyfile`,
    /// `verify` (`verify_peer` or `verify_none`).
    /// - Throws: `RabbitMQError` with `.invalidConfiguration`, which names the part and never the password.
    /// - SeeAlso: https://www.rabbitmq.com/docs/uri-spec
    package init(url: String) throws(RabbitMQError) {
        let isEncrypted: Bool
        var rest: Substring
        if url.hasPrefix("amqp://") {
            (isEncrypted, rest) = (false, url.dropFirst(7))
        } else if url.hasPrefix("amqps://") {
            (isEncrypted, rest) = (true, url.dropFirst(8))
        } else {
            throw Self.malformed("scheme", "Begin it with amqp:// or amqps://.")
        }
        let query = Self.cut(&rest, after: "?") ?? ""
        let path = Self.cut(&rest, after: "/") ?? ""
        self.init()
        if let at = rest.lastIndex(of: "@") {
            try readCredentials(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        hosts = try Self.readHosts(rest, defaultPort: isEncrypted ? 5671 : 5672)
        if !path.isEmpty { virtualHost = try Self.decode(path, part: "virtual host") }
        try readParameters(query, isEncrypted: isEncrypted)
    }

    private mutating func readCredentials(_ text: Substring) throws(RabbitMQError) {
        var rest = text
        let password = Self.cut(&rest, after: ":")
        user = try Self.decode(rest, part: "user")
        if let password { self.password = try Self.decode(password, part: "password") }
    }

    private static func readHosts(_ text: Substring, defaultPort: Int) throws(RabbitMQError) -> [Host] {
        var hosts: [Host] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            var name = part
            var port: Substring?
            if part.hasPrefix("["), let end = part.firstIndex(of: "]") {
                name = part[part.index(after: part.startIndex)..<end]
                let tail = part[part.index(after: end)...]
                port = tail.hasPrefix(":") ? tail.dropFirst() : nil
            } else {
                port = cut(&name, after: ":")
            }
            guard !name.isEmpty else { throw malformed("host", "Name a host after the @, as in host:5672.") }
            let number = port.map { Int($0) } ?? defaultPort
            guard let number, (1...65_535).contains(number) else {
                throw malformed("port of host \(name)", "Give a number from 1 to 65535.")
            }
            hosts.append(Host(String(name), port: number))
        }
        guard !hosts.isEmpty else { throw malformed("host", "Name a host, as in amqp://user:password@host:5672.") }
        return hosts
    }

    private mutating func readParameters(_ query: Substring, isEncrypted: Bool) throws(RabbitMQError) {
        var files: [Substring: String] = [:]
        var verifies = true
        for pair in query.split(separator: "&") {
            var key = pair
            let value = try Self.decode(Self.cut(&key, after: "=") ?? "", part: "parameter \(key)")
            switch key {
            case "heartbeat":
                heartbeat = .seconds(try Self.number(value, in: 1...3600, part: "heartbeat"))
            case "connection_timeout":
                connectTimeout = .milliseconds(try Self.number(value, in: 100...600_000, part: "connection_timeout"))
            case "cacertfile", "certfile", "keyfile":
                files[key] = value
            case "verify":
                guard value == "verify_peer" || value == "verify_none" else {
                    throw Self.malformed("parameter verify", "Give verify_peer or verify_none.")
                }
                verifies = value == "verify_peer"
            default:
                throw Self.malformed(
                    "parameter \(key)",
                    "Known are heartbeat, connection_timeout, cacertfile, certfile, keyfile and verify.")
            }
        }
        guard isEncrypted else { return }
        tls = .enabled(
            caFile: files["cacertfile"], certificateFile: files["certfile"], keyFile: files["keyfile"],
            verifyPeer: verifies)
    }

    /// Leaves what stands before the first separator, and returns what stands after it.
    private static func cut(_ text: inout Substring, after separator: Character) -> Substring? {
        guard let index = text.firstIndex(of: separator) else { return nil }
        defer { text = text[..<index] }
        return text[text.index(after: index)...]
    }

    private static func number(_ text: String, in range: ClosedRange<Int>, part: String) throws(RabbitMQError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw malformed("parameter \(part)", "Give a number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    private static func decode(_ text: Substring, part: String) throws(RabbitMQError) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(rest.prefix(2)), digits.count == 2, let value = UInt8(digits, radix: 16) else {
                throw malformed(part, "Write a percent sign as %25.")
            }
            rest = rest.dropFirst(2)
            bytes.append(value)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func malformed(_ part: String, _ remedy: String) -> RabbitMQError {
        RabbitMQError(.invalidConfiguration, operation: "read the \(part) of the broker's address", remedy: remedy)
    }
}
