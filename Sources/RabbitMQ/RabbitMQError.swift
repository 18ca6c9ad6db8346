/// What went wrong between this process and the broker.
///
/// `description` is short and holds neither data nor secrets; `detail` may quote the broker and belongs into debug
/// logs.
package struct RabbitMQError: Error, Sendable, Equatable {
    /// What callers act on.
    package enum Code: String, Sendable, CaseIterable {
        /// No connection came up within the time that the caller would wait.
        case notConnected
        /// No host accepted the connection, or none completed the handshake.
        case connectionFailed
        /// The broker does not know the user or the password.
        case authenticationFailed
        /// The certificate or the key of one side did not satisfy the other.
        case tlsFailed
        /// The socket ended, or the peer was silent for two heartbeats.
        case connectionLost
        /// The broker closed the connection and said why.
        case connectionClosed
        /// The broker closed the channel for a reason that has no code of its own here.
        case channelClosed
        /// 404: the exchange or queue does not exist.
        case notFound
        /// 403: the user may not do this.
        case accessRefused
        /// 406: it exists with other arguments, or a delivery was settled twice.
        case preconditionFailed
        /// 405: another connection holds the queue exclusively.
        case resourceLocked
        /// A memory or disk alarm stops all publishers of the cluster.
        case blocked
        /// A confirm did not come in time.
        case confirmTimedOut
        /// A write did not return in time; the watchdog cut the connection.
        case hung
        /// The publisher, consumer or administration has been shut down.
        case closed
        /// An address, file or number of the configuration cannot be used.
        case invalidConfiguration
        /// A message that AMQP cannot carry.
        case invalidMessage
        /// The peer does not speak AMQP 0-9-1 as this client knows it.
        case protocolViolation
    }

    /// What callers act on.
    package let code: Code
    /// What was being done, on what: `declare queue steps.extract`.
    package let operation: String
    /// What a person should do about it.
    package let remedy: String
    /// Whether the same call may succeed later without anybody's doing.
    package let isTransient: Bool
    /// The AMQP reply code, if the broker sent one.
    package let replyCode: Int?
    /// The broker's or the library's own words.
    package let detail: String

    /// Remedy and transience are the code's usual ones where they are not given.
    package init(
        _ code: Code, operation: String, remedy: String? = nil, isTransient: Bool? = nil, replyCode: Int? = nil,
        detail: String = ""
    ) {
        self.code = code
        self.operation = operation
        self.remedy = remedy ?? code.remedy
        self.isTransient = isTransient ?? code.isTransient
        self.replyCode = replyCode
        self.detail = detail
    }
}

extension RabbitMQError: CustomStringConvertible, CustomDebugStringConvertible {
    /// What failed, why, and what to do; `code` is for programs.
    package var description: String { "Could not \(sentence). \(remedy)" }

    /// What failed and why, to follow "could not"; without a remedy and a full stop.
    package var sentence: String {
        let reply = replyCode.map { " (\($0))" } ?? ""
        return "\(operation): \(code.reason)\(reply)"
    }

    package var debugDescription: String {
        detail.isEmpty ? description : "\(description) [\(detail)]"
    }
}

extension RabbitMQError.Code {
    /// In words, to follow a colon.
    var reason: String {
        switch self {
        case .notConnected: "no connection to the broker came up in time"
        case .connectionFailed: "the broker cannot be reached"
        case .authenticationFailed: "the broker does not accept user and password"
        case .tlsFailed: "the connection could not be secured"
        case .connectionLost: "the connection to the broker broke"
        case .connectionClosed: "the broker closed the connection"
        case .channelClosed: "the broker closed the channel"
        case .notFound: "it does not exist"
        case .accessRefused: "the broker does not allow it to this user"
        case .preconditionFailed: "it exists with other arguments, or was settled before"
        case .resourceLocked: "another connection holds it for itself"
        case .blocked: "an alarm of the broker stops all publishers"
        case .confirmTimedOut: "the broker did not confirm in time"
        case .hung: "the broker took no bytes in time"
        case .closed: "the client has been shut down"
        case .invalidConfiguration: "the configuration cannot be used"
        case .invalidMessage: "no broker can carry this message"
        case .protocolViolation: "the other side does not speak as a broker does"
        }
    }

    var isTransient: Bool {
        switch self {
        case .notConnected, .connectionFailed, .connectionLost, .connectionClosed, .channelClosed, .resourceLocked,
            .blocked,
            .confirmTimedOut, .hung:
            true
        case .authenticationFailed, .tlsFailed, .notFound, .accessRefused, .preconditionFailed, .closed,
            .invalidConfiguration, .invalidMessage, .protocolViolation:
            false
        }
    }

    var remedy: String {
        switch self {
        case .notConnected, .connectionFailed: "Check that RabbitMQ runs and that host and port are right."
        case .authenticationFailed: "Check user and password of the broker's address."
        case .tlsFailed: "Check the CA file, the host name in the certificate and its dates."
        case .connectionLost, .connectionClosed, .channelClosed: "The client reconnects by itself."
        case .notFound: "Create the topology of this virtual host, or check the name."
        case .accessRefused: "Grant the user the permission that this operation needs in this virtual host."
        case .preconditionFailed: "Delete it and declare it again, or declare it with the arguments that it has."
        case .resourceLocked: "Close the other connection that holds the queue."
        case .blocked: "Free memory or disk on the broker; it stops publishers until the alarm clears."
        case .confirmTimedOut, .hung: "Check the broker's load, disk and alarms."
        case .closed: "Use it only while its run() is running."
        case .invalidConfiguration: "Correct the configuration."
        case .invalidMessage: "Shorten or correct the message's properties."
        case .protocolViolation: "Check that the port speaks AMQP 0-9-1, and TLS only where configured."
        }
    }
}

extension RabbitMQError {
    /// The error of an AMQP reply code that closed a channel or a connection.
    init(replyCode: Int, text: String, operation: String, closesConnection: Bool) {
        let code: Code =
            switch replyCode {
            case 403:
                text.contains("Login was refused") || operation == "log in" ? .authenticationFailed : .accessRefused
            case 404: .notFound
            case 405: .resourceLocked
            case 406: .preconditionFailed
            case 530: .accessRefused
            default: closesConnection ? .connectionClosed : .channelClosed
            }
        // A delivery that the broker took back after its acknowledgement timeout comes as 406; a reconnect cures it.
        let isTransient = code == .preconditionFailed && text.contains("timed out") ? true : nil
        self.init(code, operation: operation, isTransient: isTransient, replyCode: replyCode, detail: text)
    }
}
