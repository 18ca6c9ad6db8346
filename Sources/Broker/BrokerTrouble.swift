/// Something at the broker that keeps doorbells from being rung or heard, now or at the next reconnect.
///
/// The same words stand in the log of every process and in what `rosterline doctor` prints.
package enum BrokerTrouble: Sendable, Hashable {
    /// No connection; the client's words say why.
    case unreachable(words: String, remedy: String)
    /// User and password are not accepted any more. Connections that are open stay so; no new one will.
    case passwordRefused
    /// The virtual host is missing, or the user may not enter it.
    case virtualHostRefused(name: String)
    /// A memory or disk alarm stops all publishers of the cluster.
    case alarm(reason: String)
    case exchangeMissing(name: String)
    case queueMissing(name: String)
    /// There, but declared otherwise: another kind, or other arguments.
    case declaredOtherwise(name: String)
    /// Who publishes needs the right to write to the exchange. A channel that is open keeps the right it had.
    case mayNotWrite(exchange: String)
    /// Who consumes needs the right to read from the queue. A consumer that is running keeps the right it had.
    case mayNotRead(queue: String)
    /// Something is missing that this user may not create.
    case mayNotConfigure(names: [String])
    /// A setting of a queue under which messages get lost, and how to mend it.
    case setting(queue: String, words: String, remedy: String)
    /// The broker answered otherwise than any of these.
    case other(words: String, remedy: String)

    /// One word, for metrics.
    package var kind: String {
        switch self {
        case .unreachable: "unreachable"
        case .passwordRefused: "password"
        case .virtualHostRefused: "virtual_host"
        case .alarm: "alarm"
        case .exchangeMissing: "exchange_missing"
        case .queueMissing: "queue_missing"
        case .declaredOtherwise: "declared_otherwise"
        case .mayNotWrite: "may_not_write"
        case .mayNotRead: "may_not_read"
        case .mayNotConfigure: "may_not_configure"
        case .setting: "setting"
        case .other: "other"
        }
    }

    /// Every kind there is, so that each has its series from the start.
    package static let kinds = [
        "unreachable", "password", "virtual_host", "alarm", "exchange_missing", "queue_missing", "declared_otherwise",
        "may_not_write", "may_not_read", "may_not_configure", "setting", "other",
    ]

    /// What is the matter, without a full stop.
    package var words: String {
        switch self {
        case .unreachable(let words, _), .other(let words, _): words
        case .passwordRefused:
            "the broker does not accept user and password any more; connections that are open go on until they break"
        case .virtualHostRefused(let name): "virtual host \(name) is missing, or this user may not enter it"
        case .alarm(let reason): "an alarm stops all publishers: \(reason)"
        case .exchangeMissing(let name): "exchange \(name) is missing, so no doorbell can be rung"
        case .queueMissing(let name): "queue \(name) is missing"
        case .declaredOtherwise(let name): "\(name) is there, but was declared otherwise"
        case .mayNotWrite(let exchange):
            "this user may not write to exchange \(exchange); a publisher that is connected goes on until it reconnects"
        case .mayNotRead(let queue):
            "this user may not read queue \(queue); a consumer that is connected goes on until it reconnects"
        case .mayNotConfigure(let names): "this user may not create what is missing: \(names.joined(separator: ", "))"
        case .setting(let queue, let words, _): "queue \(queue) \(words)"
        }
    }

    /// What a person should do about it.
    package var remedy: String {
        switch self {
        case .unreachable(_, let remedy), .other(_, let remedy), .setting(_, _, let remedy): remedy
        case .passwordRefused: "Put the new password into ROSTERLINE_RABBITMQ_URL and restart the processes."
        case .virtualHostRefused(let name): "Create virtual host \(name), and grant the user access to it."
        case .alarm: "Free memory or disk on the broker; doorbells stay in the outbox until the alarm clears."
        case .exchangeMissing, .queueMissing, .mayNotConfigure:
            "Run 'rosterline migrate' as a user that may configure; steps are rung for again by themselves."
        case .declaredOtherwise(let name):
            "Stop the processes, delete \(name), run 'rosterline migrate'; steps are rung for again by themselves."
        case .mayNotWrite(let exchange):
            "Grant it: rabbitmqctl set_permissions, write on '^\(Self.escaped(exchange))$'."
        case .mayNotRead(let queue): "Grant it: rabbitmqctl set_permissions, read on '^\(Self.escaped(queue))$'."
        }
    }

    private static func escaped(_ name: String) -> String {
        name.replacing(".", with: "\\.")
    }
}
