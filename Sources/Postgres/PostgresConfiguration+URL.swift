extension PostgresConfiguration {
    /// Reads `postgres://user:password@host,host:port/database?sslmode=…`, percent-encoded where needed.
    ///
    /// Known parameters: `sslmode` (disable, prefer, require, verify-full), `sslrootcert`, `application_name`,
    /// `connect_timeout` (s), `statement_timeout` (ms, 0 for none), `host` (a folder of Unix sockets). Missing parts:
    /// port 5432, user `postgres`, database as the user.
    /// - Throws: `PostgresError` with `.invalidConfiguration` that names the part, never the text, which holds the
    ///   password.
    package init(url: String) throws {
        guard let scheme = ["postgres://", "postgresql://"].first(where: { url.hasPrefix($0) }) else {
            throw Self.invalid("scheme", "Begin it with postgres://")
        }
        let parts = url.dropFirst(scheme.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = (parts.first ?? "").split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let authority = path.first ?? ""
        var (user, password): (String, String?) = ("postgres", nil)
        var address = authority
        if let at = authority.lastIndex(of: "@") {
            let names = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = try Self.decode(names.first ?? "", part: "user")
            password = try names.count > 1 ? Self.decode(names[1], part: "password") : nil
            address = authority[authority.index(after: at)...]
        }
        let (hosts, port) = try Self.addresses(address)
        let database = try path.count > 1 && !path[1].isEmpty ? Self.decode(path[1], part: "database") : user
        self.init(hosts: hosts, port: port, database: database, user: user, password: password)
        if parts.count > 1 { try apply(parameters: parts[1]) }
    }

    private static func addresses(_ text: Substring) throws -> (hosts: [String], port: Int) {
        var port: Int?
        let hosts = try text.split(separator: ",").map { address -> String in
            var name = address
            // A bracketed IPv6 address holds colons of its own.
            if let colon = address.lastIndex(of: ":"), address.last != "]" {
                guard let number = Int(address[address.index(after: colon)...]), (1...65_535).contains(number) else {
                    throw invalid("port", "Give a number from 1 to 65535.")
                }
                guard port == nil || port == number else { throw invalid("port", "Give all hosts the same port.") }
                port = number
                name = address[..<colon]
            }
            if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
            return try decode(name, part: "host")
        }
        return (hosts.isEmpty ? ["localhost"] : hosts, port ?? 5432)
    }

    private mutating func apply(parameters: Substring) throws {
        var mode: String?
        var caFile: String?
        for parameter in parameters.split(separator: "&") {
            let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(pair[0])
            let value = try Self.decode(pair.count > 1 ? pair[1] : "", part: name)
            switch name {
            case "sslmode": mode = value
            case "sslrootcert": caFile = value
            case "application_name": applicationName = value
            case "host": hosts = value.split(separator: ",").map(String.init)
            case "connect_timeout": connectTimeout = .seconds(try Self.number(value, part: name, atLeast: 1))
            case "statement_timeout":
                let milliseconds = try Self.number(value, part: name, atLeast: 0)
                statementTimeout = milliseconds == 0 ? nil : .milliseconds(milliseconds)
            default: throw Self.invalid("parameter \(name)", "Remove it; it is not known.")
            }
        }
        if mode != nil || caFile != nil { tls = try Self.tls(mode: mode, caFile: caFile) }
    }

    private static func tls(mode: String?, caFile: String?) throws -> TLS {
        switch (mode, caFile) {
        case ("disable", _): return .disable
        case ("prefer", nil): return .prefer
        case ("require", nil): return .require
        case ("verify-full", let caFile?), (nil, let caFile?): return .verifyFull(caFile: caFile)
        case ("verify-full", nil): throw invalid("sslmode", "verify-full needs sslrootcert=FILE.")
        case ("prefer", _), ("require", _): throw invalid("sslmode", "With sslrootcert it must be verify-full.")
        default: throw invalid("sslmode", "Give one of disable, prefer, require, verify-full.")
        }
    }

    private static func number(_ text: String, part: String, atLeast minimum: Int) throws -> Int {
        guard let number = Int(text), number >= minimum else { throw invalid(part, "Give a number from \(minimum).") }
        return number
    }

    private static func decode(_ text: Substring, part: String) throws -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let code = Substring(rest.prefix(2)).uppercased().hexadecimalByte else {
                throw invalid(part, "Encode its special characters as %XX.")
            }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func invalid(_ part: String, _ remedy: String) -> PostgresError {
        PostgresError(.invalidConfiguration, operation: "read the \(part) of the database URL", remedy: remedy)
    }
}

extension String {
    fileprivate var hexadecimalByte: UInt8? {
        count == 2 && allSatisfy(\.isHexDigit) ? UInt8(self, radix: 16) : nil
    }
}
