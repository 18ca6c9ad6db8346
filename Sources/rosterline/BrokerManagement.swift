import Broker
import Curl
import Foundation
import HTTPTypes
import RabbitMQ

/// Asks the broker's management API for what AMQP does not show: which settings apply to a queue. Reads only.
struct BrokerManagement: Sendable {
    private static let answerLimitBytes = 1 << 20

    private let scheme: String
    private let authority: String
    private let path: String
    private let authorization: String
    private let virtualHost: String
    private let http: CurlClient

    /// - Parameters:
    ///   - url: `https://user:password@host:15671`, with a path if the API stands behind one. The user needs the tag
    ///     `management` and any right in the virtual host.
    ///   - virtualHost: the one of the queues.
    /// - Throws: `ConfigurationError`, without the address, since it holds a password.
    init(url: String, virtualHost: String, http: CurlClient) throws {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme, ["http", "https"].contains(scheme),
            let host = parts.host, !host.isEmpty, let user = parts.user, let password = parts.password
        else {
            throw ConfigurationError(
                description: "rabbitmq.managementUrl is no address. Give it as https://user:password@host:15671.")
        }
        self.scheme = scheme
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        authority = parts.port.map { "\(name):\($0)" } ?? name
        path =
            parts.percentEncodedPath.hasSuffix("/")
            ? String(parts.percentEncodedPath.dropLast()) : parts.percentEncodedPath
        authorization = "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
        self.virtualHost = virtualHost
        self.http = http
    }

    /// The queues of these names; those that are missing are left out. A change of policy is seen at once, unless there
    /// are operator policies or the user may not read policies: then up to ten seconds later.
    /// - Throws: `ManagementError`, `CurlError`, or `DecodingError`.
    func queues(named names: [String]) async throws -> [QueueDescription] {
        var found: [QueueDescription] = []
        for name in names {
            do {
                let body = try await get("queues", "/\(Self.escaped(name))?columns=\(QueueDescription.columns)")
                found += try QueueDescription.decode(listing: [UInt8(ascii: "[")] + body + [UInt8(ascii: "]")])
            } catch let error as ManagementError where error.status == 404 {
                continue
            }
        }
        return (try? await refreshed(found)) ?? found
    }

    private func refreshed(_ queues: [QueueDescription]) async throws -> [QueueDescription] {
        guard try await policies("operator-policies").isEmpty else { return queues }
        let assigned = try await get("queues", "?disable_stats=true&columns=\(QueueDescription.columns)")
        return QueueDescription.refreshed(
            queues, assigned: try QueueDescription.decode(listing: assigned), policies: try await policies("policies"))
    }

    private func policies(_ what: String) async throws -> [BrokerPolicy] {
        try BrokerPolicy.decode(listing: String(decoding: try await get(what), as: UTF8.self))
    }

    /// What the API answers of the virtual host.
    private func get(_ what: String, _ rest: String = "") async throws -> [UInt8] {
        let request = HTTPRequest(
            method: .get, scheme: scheme, authority: authority,
            path: "\(path)/api/\(what)/\(Self.escaped(virtualHost))\(rest)",
            headerFields: [.authorization: authorization, .accept: "application/json"])
        let response = try await http.send(request)
        let body = try await response.collect(upTo: Self.answerLimitBytes)
        guard response.head.status.code == 200 else { throw ManagementError(status: response.head.status.code) }
        return body
    }

    private static func escaped(_ name: String) -> String {
        name.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-._~"))) ?? name
    }
}

/// The management API answered, but not with what was asked for.
struct ManagementError: Error, CustomStringConvertible {
    let status: Int

    var description: String {
        switch status {
        case 401: "the management API does not accept user and password, or the user lacks the tag 'management' (401)"
        case 403: "the user has no right in the virtual host (403)"
        default: "the management API answered \(status)"
        }
    }
}

extension Cluster {
    /// Nil without `rabbitmq.managementUrl`.
    func brokerManagement() throws -> BrokerManagement? {
        guard let url = settings.optional("rabbitmq.managementUrl") else { return nil }
        // No proxy: the broker is a neighbour, unlike Canvas.
        var configuration = CurlConfiguration()
        configuration.caFile = settings.optional("http.caFile")
        return try BrokerManagement(
            url: url, virtualHost: rabbitMQ("management").virtualHost,
            http: CurlClient(configuration: configuration, logger: logger))
    }

    /// Looks at the broker beside the services of a process.
    /// - Parameters:
    ///   - readsSettings: whether it asks for the queues' settings too; one or two processes of a cluster suffice.
    ///   - isBlocked: whether the process's publisher has told of an alarm already.
    func brokerWatch(
        use: BrokerUse, readsSettings: Bool = false, isBlocked: @escaping @Sendable () -> Bool = { false }
    ) throws -> BrokerWatch {
        let topology = try topology()
        let management = readsSettings ? try brokerManagement() : nil
        let configuration = try rabbitMQ("watch")
        return BrokerWatch(
            configuration: configuration, topology: topology, use: use,
            interval: try settings.duration("rabbitmq.watchSeconds"),
            settings: management.map { management in
                { @Sendable capabilities in
                    topology.troubles(try await management.queues(named: topology.queues.map(\.name)), by: capabilities)
                }
            }, isBlocked: isBlocked, logger: logger)
    }
}
