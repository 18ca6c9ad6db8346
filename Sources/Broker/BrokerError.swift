package import RabbitMQ

/// What went wrong between the product and its broker, in the product's words.
package struct BrokerError: Error, Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    /// What callers act on.
    package enum Code: String, Sendable, CaseIterable {
        /// No connection, a lost one, or a blocked one.
        case unavailable
        /// Wrong user or password, or a missing permission.
        case accessRefused
        /// An exchange or a queue is missing.
        case topologyMissing
        /// An exchange or a queue is there, with other arguments.
        case topologyMismatch
        /// No queue is bound for this kind of step.
        case unroutable
        /// The queue is full.
        case rejected
        /// Whether the broker has the message is not known; it is safe to publish it again.
        case unconfirmed
        /// Used while not running.
        case closed
        /// The configuration or the program is wrong.
        case misuse
    }

    /// What callers act on.
    package let code: Code
    /// What was being done, on what.
    package let operation: String
    /// What a person should do about it.
    package let remedy: String
    /// Whether the same call may succeed later without anybody's doing.
    package let isTransient: Bool
    /// For debug logs only.
    package let detail: String

    package init(_ code: Code, operation: String, remedy: String, isTransient: Bool, detail: String = "") {
        self.code = code
        self.operation = operation
        self.remedy = remedy
        self.isTransient = isTransient
        self.detail = detail
    }

    /// The same error in the product's words; transience and remedy are the client's.
    package init(_ error: RabbitMQError) {
        let code: Code =
            switch error.code {
            case .notConnected, .connectionFailed, .connectionLost, .connectionClosed, .channelClosed, .blocked, .hung,
                .resourceLocked, .tlsFailed, .protocolViolation:
                .unavailable
            case .confirmTimedOut: .unconfirmed
            case .authenticationFailed, .accessRefused: .accessRefused
            case .notFound: .topologyMissing
            case .preconditionFailed: .topologyMismatch
            case .closed: .closed
            case .invalidConfiguration, .invalidMessage: .misuse
            }
        self.init(
            code, operation: error.operation, remedy: error.remedy, isTransient: error.isTransient, detail: error.detail
        )
    }

    /// What failed, why, and what to do; `code` is for programs.
    package var description: String { "Could not \(operation): \(code.reason). \(remedy)" }
    package var debugDescription: String { detail.isEmpty ? description : "\(description) [\(detail)]" }

    /// Turns a client's error into one of this kind, and lets others pass.
    static func wrapping<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as RabbitMQError {
            throw BrokerError(error)
        }
    }
}

extension BrokerError.Code {
    /// In words, to follow a colon.
    fileprivate var reason: String {
        switch self {
        case .unavailable: "the broker cannot be used now"
        case .accessRefused: "the broker does not accept this user, or does not allow it"
        case .topologyMissing: "an exchange or a queue is missing"
        case .topologyMismatch: "an exchange or a queue has other arguments"
        case .unroutable: "no queue is bound for this kind of step"
        case .rejected: "the queue is full"
        case .unconfirmed: "the broker did not confirm in time"
        case .closed: "the client has been shut down"
        case .misuse: "the configuration or the message cannot be used"
        }
    }
}
