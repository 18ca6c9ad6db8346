/// A version of RabbitMQ, as far as it matters here: its first two numbers.
package struct BrokerVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    package init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads `3.10.8`, `4.0`, `4.3.0-rc.1`; nil if it does not begin with two numbers.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).prefix(2)
        let numbers = parts.map { Int($0.prefix { $0.isASCII && $0.isNumber }) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
        self.init(major, minor)
    }

    package static func < (left: BrokerVersion, right: BrokerVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    package var description: String { "\(major).\(minor)" }
}

/// What a version of RabbitMQ does by itself, where versions differ in a way that the product must know.
///
/// Recorded from the broker's release notes and manuals. Only 3.10 has been run with the product's tests; the other
/// rows are as good as those texts.
package struct BrokerCapabilities: Sendable, Hashable {
    /// What brings a message of a quorum queue nearer to its delivery limit.
    package enum Counted: Sendable, Hashable {
        /// Every return to the queue.
        case everyReturn
        /// Only a rejection and the loss of a channel or connection; giving back, and the consumer timeout, do not.
        case failures
    }

    /// Where the time that a delivery may stay unacknowledged can be set; 30 minutes where nobody does.
    package enum TimeoutScope: Sendable, Hashable {
        case node
        /// Also for a queue, by policy or argument, and for a consumer.
        case queue
        /// As `queue`, but it holds for quorum queues only.
        case quorumQueue
    }

    /// Classes of urgency within one quorum queue.
    package enum Priorities: Sendable, Hashable {
        case none
        /// High and normal, two to one.
        case two
        /// 0 to 31, strictly in order, so that low ones may wait for ever.
        case strict
    }

    /// Whether the broker goes along with something outdated.
    package enum Support: Sendable, Hashable {
        case allowed
        case deprecated
        case refused
    }

    package let version: BrokerVersion
    /// Deliveries after which a quorum queue gives a message up where no policy says; nil is never.
    package let defaultDeliveryLimit: Int?
    package let counted: Counted
    /// Whether a change of the limit by policy reaches queues that exist already without more ado.
    package let appliesDeliveryLimitAtOnce: Bool
    /// Whether a first delivery carries `x-delivery-count`, with 0.
    package let countsFirstDelivery: Bool
    package let timeoutScope: TimeoutScope
    /// What a policy for quorum queues should be applied to.
    package let quorumPolicyTarget: String
    /// Every value that a policy's `apply-to` may have.
    package let policyTargets: Set<String>
    /// The smallest `frame_max` that the broker accepts; the client proposes 131 072.
    package let smallestFrameLimitBytes: Int
    /// The largest message where the broker's configuration says nothing.
    package let messageLimitBytes: Int
    package let priorities: Priorities
    /// Classic queues mirrored by policy, which are no substitute for quorum queues.
    package let hasMirroredQueues: Bool
    /// A prefetch for a whole channel; the product uses none.
    package let globalPrefetch: Support
    /// Queues that are neither durable nor exclusive; the product uses none.
    package let transientQueues: Support
    /// Whether declaring with `x-queue-mode` fails; the product does not.
    package let refusesQueueMode: Bool
    /// Whether a user without any right on a queue or exchange is refused when asking whether it is there. (4.3.0 asked
    /// for the right to configure; 4.3.1 is content with any.)
    package let inspectionNeedsRight: Bool
    /// Whether a queue can hold a message back before it is tried again; the product keeps that in Postgres.
    package let hasDelayedRetry: Bool

    // Both since 3.10, the oldest version there is a row for.
    /// Whether messages of quorum queues can expire.
    package var hasMessageTTLInQuorumQueues: Bool { true }
    /// Whether dead letters can be handed over with a confirm.
    package var hasAtLeastOnceDeadLettering: Bool { true }

    /// Whether the table has a row for the version; if not, the row of the version before it stands in.
    package var isRecorded: Bool { Self.recorded.contains(version) }

    /// Every version with a row of its own.
    package static let recorded: [BrokerVersion] = [
        .init(3, 10), .init(3, 11), .init(3, 12), .init(3, 13), .init(4, 0), .init(4, 1), .init(4, 2), .init(4, 3),
    ]

    /// The oldest version that the product works with, and the only one it was run with.
    package static let oldest = BrokerCapabilities(BrokerVersion(3, 10))

    /// - Parameter version: as the broker gives it; nil below 3.10, whose quorum queues cannot do what is needed, and
    ///   for what is no version.
    package init?(version: String) {
        guard let version = BrokerVersion(version), version >= BrokerVersion(3, 10) else { return nil }
        self.init(version)
    }

    private init(_ version: BrokerVersion) {
        func since(_ major: Int, _ minor: Int) -> Bool { version >= BrokerVersion(major, minor) }
        self.version = version
        defaultDeliveryLimit = since(4, 0) ? 20 : nil
        counted = since(4, 3) ? .failures : .everyReturn
        appliesDeliveryLimitAtOnce = since(4, 3)
        countsFirstDelivery = !since(3, 12)
        timeoutScope = since(4, 3) ? .quorumQueue : since(3, 12) ? .queue : .node
        quorumPolicyTarget = since(3, 12) ? "quorum_queues" : "queues"
        let narrowTargets: Set<String> = since(3, 12) ? ["classic_queues", "quorum_queues", "streams"] : []
        policyTargets = narrowTargets.union(["all", "exchanges", "queues"])
        smallestFrameLimitBytes = since(4, 1) ? 8192 : 4096
        messageLimitBytes = since(4, 0) ? 16 << 20 : 128 << 20
        priorities = since(4, 3) ? .strict : since(4, 0) ? .two : .none
        hasMirroredQueues = !since(4, 0)
        globalPrefetch = since(4, 3) ? .refused : since(4, 0) ? .deprecated : .allowed
        transientQueues = since(4, 3) ? .refused : since(4, 0) ? .deprecated : .allowed
        refusesQueueMode = since(4, 3)
        inspectionNeedsRight = since(4, 3)
        hasDelayedRetry = since(4, 3)
    }

    /// What an operator who knows 3.10 should know of this version, one sentence each.
    package var remarks: [String] {
        var remarks: [String] = []
        if !isRecorded {
            remarks.append("Nothing is recorded of version \(version); what is said here is of an older one.")
        }
        if version > Self.oldest.version { remarks.append("The product's tests were run with 3.10 only.") }
        if let limit = defaultDeliveryLimit {
            remarks.append(
                "Without a policy a message is given up after \(limit) deliveries, so the policies state a limit.")
        }
        if counted == .failures {
            remarks.append("Only rejections and lost connections count against the delivery limit, not giving back.")
        } else if version.major >= 4 {
            remarks.append("Every return to the queue counts against the delivery limit.")
        }
        switch timeoutScope {
        case .node: break
        case .queue:
            remarks.append("A policy can set consumer-timeout; leave it, since doorbells are acknowledged at once.")
        case .quorumQueue:
            remarks.append("The consumer timeout holds for quorum queues only; doorbells never come near it.")
        }
        if policyTargets.contains("quorum_queues") { remarks.append("Policies are applied to quorum_queues.") }
        if !hasMirroredQueues { remarks.append("Mirrored classic queues are gone; policies with ha-mode do nothing.") }
        if messageLimitBytes < Self.oldest.messageLimitBytes {
            remarks.append("Messages above 16 MiB are refused; a doorbell has some 100 bytes.")
        }
        if smallestFrameLimitBytes > Self.oldest.smallestFrameLimitBytes {
            remarks.append("A frame_max below 8192 is refused; leave it at 131072.")
        }
        if refusesQueueMode { remarks.append("Declarations with x-queue-mode are refused; the product makes none.") }
        if inspectionNeedsRight {
            remarks.append(
                "Looking at a queue takes a right on it; give the status service's user one, and avoid 4.3.0.")
        }
        if priorities == .strict {
            remarks.append("Quorum queues have 32 strict priorities; doorbells all have the same.")
        }
        return remarks
    }
}
