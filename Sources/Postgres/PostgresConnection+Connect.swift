package import EventLoops
package import Logging

extension PostgresConnection {
    /// Tries the hosts and their addresses in order, until one accepts writes.
    ///
    /// Name resolution and each address have the configuration's `connectTimeout`.
    /// - Throws: `PostgresError` of the last try: `.connectionFailed`, `.authenticationFailed`, `.cancelled`.
    package static func connect(
        _ configuration: PostgresConfiguration, loop: PollLoop, logger: Logger
    ) async throws -> PostgresConnection {
        var failure = PostgresError(
            .invalidConfiguration, operation: "connect", remedy: "Configure at least one host.")
        for host in configuration.hosts {
            let addresses: [PostgresAddress]
            do {
                addresses = try await PostgresAddress.resolve(host)
            } catch let error as PostgresError {
                failure = error
                continue
            }
            for address in addresses {
                let connection = PostgresConnection(configuration: configuration, loop: loop, logger: logger)
                do {
                    try await connection.open(address)
                    return connection
                } catch let error as PostgresError {
                    failure = error
                    if error.code == .cancelled || error.code == .authenticationFailed { throw error }
                }
            }
        }
        throw failure
    }

    private func open(_ address: PostgresAddress) async throws {
        let handle = try PostgresHandle(parameters: parameters(for: address), logger: logger)
        let deadline = ContinuousClock.now + configuration.connectTimeout
        var interest = Interest.writable
        while true {
            switch await loop.wait(for: interest, on: handle.socket, until: deadline) {
            case .ready: break
            case .cancelled: throw PostgresError.cancelled("connect")
            case .timedOut:
                throw PostgresError(
                    .connectionFailed, operation: "connect to \(address.host)",
                    remedy: "The server did not answer within \(configuration.connectTimeout); check host and port.",
                    isTransient: true)
            }
            switch handle.continueConnecting() {
            case .waiting(let next): interest = next
            case .failed: throw refusal(by: address, message: handle.errorMessage)
            case .connected:
                try handle.makeNonBlocking()
                self.handle = handle
                return
            }
        }
    }

    private func parameters(for address: PostgresAddress) -> [(name: String, value: String)] {
        let timeout = configuration.statementTimeout.map { Int($0 / .milliseconds(1)) } ?? 0
        // A statement has to see what was committed before it began. The rest fixes the spelling that the decoders rely
        // on.
        let options = """
            \(configuration.planning.options) -c statement_timeout=\(timeout) -c timezone=UTC -c datestyle=ISO \
            -c bytea_output=hex -c extra_float_digits=1 -c default_transaction_isolation=read\\ committed
            """
        var parameters = [
            ("host", address.host), ("port", "\(configuration.port)"), ("dbname", configuration.database),
            ("user", configuration.user), ("application_name", configuration.applicationName),
            ("client_encoding", "UTF8"), ("options", options), ("target_session_attrs", "read-write"),
            ("keepalives", "1"), ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"), ("gssencmode", "disable"),
        ]
        if let numeric = address.address { parameters.append(("hostaddr", numeric)) }
        if let password = configuration.password { parameters.append(("password", password)) }
        switch configuration.tls {
        case .disable: parameters.append(("sslmode", "disable"))
        case .prefer: parameters.append(("sslmode", "prefer"))
        case .require: parameters.append(("sslmode", "require"))
        case .verifyFull(let caFile): parameters += [("sslmode", "verify-full"), ("sslrootcert", caFile)]
        }
        return parameters.map { (name: $0.0, value: $0.1) }
    }

    private func refusal(by address: PostgresAddress, message: String) -> PostgresError {
        let state = Self.sqlState(in: message)
        let operation = "connect to \(address.host) port \(configuration.port)"
        let details = PostgresError.Details(message: message)
        if let state, state.rawValue.hasPrefix("28") {
            return PostgresError(
                .authenticationFailed, operation: operation,
                remedy: "Check user, password and the server's pg_hba.conf.",
                sqlState: state, details: details)
        }
        return PostgresError(
            .connectionFailed, operation: operation,
            remedy: "Check that the server runs there, its TLS and its limits.",
            sqlState: state, isTransient: state?.isTransient ?? true, details: details)
    }

    /// While connecting, libpq gives the code only inside its text: `FATAL:  28P01: …`, whatever the language.
    static func sqlState(in message: String) -> SQLState? {
        let parts = message.split(separator: " ")
        for (severity, part) in zip(parts, parts.dropFirst()) where severity.hasSuffix(":") && part.hasSuffix(":") {
            let code = part.dropLast()
            let isCode = code.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
            // A code has a digit; a word in capitals such as FATAL has none.
            if code.utf8.count == 5, isCode, code.contains(where: \.isNumber) {
                return SQLState(rawValue: String(code))
            }
        }
        return nil
    }
}
