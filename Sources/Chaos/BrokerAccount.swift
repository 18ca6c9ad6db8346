import Broker
import LocalServers

/// A user of the broker's for one scenario, whose rights and password may be taken away: each in one command, since
/// each command is an Erlang node of its own.
struct BrokerAccount: Sendable {
    static let password = "chaos"
    private let name: String
    private let rabbitMQ: LocalRabbitMQ
    private let trial: ChaosTrial

    init(_ trial: ChaosTrial) {
        self.trial = trial
        name = trial.topology.prefix
        rabbitMQ = trial.stage.rabbitMQ
    }

    /// Makes it, with all rights, and leads the processes to it.
    func create() async throws {
        try await eval(
            "rabbit_auth_backend_internal:add_user(\(binary(name)), \(binary(Self.password)), \(binary("chaos")))",
            granting)
        trial.lead { route in
            route.brokerUser = name
            route.brokerPassword = Self.password
        }
    }

    /// Takes all rights away, and ends its connections: one that is open keeps the rights it had.
    func revoke() async throws {
        try await eval(
            "rabbit_auth_backend_internal:clear_permissions(\(binary(name)), \(binary("/")), \(binary("chaos")))",
            disconnecting)
    }

    func grant() async throws { try await eval(granting) }

    func change(password: String) async throws {
        try await eval(
            "rabbit_auth_backend_internal:change_password(\(binary(name)), \(binary(password)), \(binary("chaos")))",
            disconnecting)
    }

    func remove() async throws {
        try await eval("rabbit_auth_backend_internal:delete_user(\(binary(name)), \(binary("chaos")))")
    }

    private var granting: String {
        let all = binary(".*")
        return """
            rabbit_auth_backend_internal:set_permissions(\(binary(name)), \(binary("/")), \(all), \(all), \(all), \
            \(binary("chaos")))
            """
    }

    private let disconnecting =
        #"[rabbit_networking:close_connection(P, "chaos") || P <- rabbit_networking:connections()]"#

    private func binary(_ text: String) -> String { "<<\"\(text)\">>" }

    private func eval(_ expressions: String...) async throws {
        try await rabbitMQ.ctl(["eval", expressions.joined(separator: ", ") + "."])
    }
}
