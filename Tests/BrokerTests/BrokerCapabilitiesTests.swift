import Broker
import Testing

@Suite struct BrokerCapabilitiesTests {
    /// One row of the table.
    struct Row: Sendable, CustomStringConvertible {
        let version: String
        let limit: Int?
        let counted: BrokerCapabilities.Counted
        let countsFirst: Bool
        let timeout: BrokerCapabilities.TimeoutScope
        let target: String
        let frame: Int
        let message: Int
        let priorities: BrokerCapabilities.Priorities
        let mirrors: Bool
        let outdated: BrokerCapabilities.Support
        let refusesMode: Bool

        var description: String { version }
    }

    static let rows = [
        Row(
            version: "3.10.8", limit: nil, counted: .everyReturn, countsFirst: true, timeout: .node, target: "queues",
            frame: 4096, message: 128 << 20, priorities: .none, mirrors: true, outdated: .allowed, refusesMode: false),
        Row(
            version: "3.11.28", limit: nil, counted: .everyReturn, countsFirst: true, timeout: .node, target: "queues",
            frame: 4096, message: 128 << 20, priorities: .none, mirrors: true, outdated: .allowed, refusesMode: false),
        Row(
            version: "3.12.0", limit: nil, counted: .everyReturn, countsFirst: false, timeout: .queue,
            target: "quorum_queues", frame: 4096, message: 134_217_728, priorities: .none, mirrors: true,
            outdated: .allowed, refusesMode: false),
        Row(
            version: "3.13.7", limit: nil, counted: .everyReturn, countsFirst: false, timeout: .queue,
            target: "quorum_queues", frame: 4096, message: 134_217_728, priorities: .none, mirrors: true,
            outdated: .allowed, refusesMode: false),
        Row(
            version: "4.0.5", limit: 20, counted: .everyReturn, countsFirst: false, timeout: .queue,
            target: "quorum_queues", frame: 4096, message: 16_777_216, priorities: .two, mirrors: false,
            outdated: .deprecated, refusesMode: false),
        Row(
            version: "4.1.0-rc.1", limit: 20, counted: .everyReturn, countsFirst: false, timeout: .queue,
            target: "quorum_queues", frame: 8192, message: 16_777_216, priorities: .two, mirrors: false,
            outdated: .deprecated, refusesMode: false),
        Row(
            version: "4.2", limit: 20, counted: .everyReturn, countsFirst: false, timeout: .queue,
            target: "quorum_queues", frame: 8192, message: 16_777_216, priorities: .two, mirrors: false,
            outdated: .deprecated, refusesMode: false),
        Row(
            version: "4.3.1", limit: 20, counted: .failures, countsFirst: false, timeout: .quorumQueue,
            target: "quorum_queues", frame: 8192, message: 16_777_216, priorities: .strict, mirrors: false,
            outdated: .refused, refusesMode: true),
    ]

    @Test(arguments: rows)
    func `each version does what is recorded of it`(row: Row) throws {
        let found = try #require(BrokerCapabilities(version: row.version))
        #expect(found.isRecorded)
        #expect(found.defaultDeliveryLimit == row.limit)
        #expect(found.counted == row.counted)
        #expect(found.appliesDeliveryLimitAtOnce == (row.counted == .failures))
        #expect(found.countsFirstDelivery == row.countsFirst)
        #expect(found.timeoutScope == row.timeout)
        #expect(found.quorumPolicyTarget == row.target)
        #expect(found.policyTargets.contains(row.target))
        #expect(found.policyTargets.contains("quorum_queues") == (row.target == "quorum_queues"))
        #expect(found.smallestFrameLimitBytes == row.frame)
        #expect(found.messageLimitBytes == row.message)
        #expect(found.priorities == row.priorities)
        #expect(found.hasMirroredQueues == row.mirrors)
        #expect(found.globalPrefetch == row.outdated && found.transientQueues == row.outdated)
        #expect(found.refusesQueueMode == row.refusesMode && found.hasDelayedRetry == row.refusesMode)
        #expect(found.inspectionNeedsRight == row.refusesMode)
        #expect(found.hasMessageTTLInQuorumQueues && found.hasAtLeastOnceDeadLettering)
    }

    @Test func `the table has a row for each recorded version`() {
        #expect(Self.rows.compactMap { BrokerVersion($0.version) } == BrokerCapabilities.recorded)
    }

    @Test(arguments: ["3.9.29", "2.8", "", "three", "4", "x.y"])
    func `what is too old, or no version, has no row`(version: String) {
        #expect(BrokerCapabilities(version: version) == nil)
    }

    @Test func `an unknown newer version is taken for the newest known one, and says so`() throws {
        let found = try #require(BrokerCapabilities(version: "5.1.0"))
        #expect(!found.isRecorded)
        #expect(found.refusesQueueMode && found.defaultDeliveryLimit == 20)
        #expect(found.remarks.first?.contains("Nothing is recorded of version 5.1") == true)
    }

    @Test func `the version that was tested needs no remark, every later one says that it was not`() throws {
        #expect(BrokerCapabilities.oldest.remarks.isEmpty)
        for version in BrokerCapabilities.recorded.dropFirst() {
            let remarks = try #require(BrokerCapabilities(version: version.description)).remarks
            #expect(remarks.first == "The product's tests were run with 3.10 only.")
        }
    }

    @Test(arguments: [("3.10", "queues"), ("3.11", "queues"), ("3.12", "quorum_queues"), ("4.3", "quorum_queues")])
    func `definitions and commands are written for the version asked`(version: String, target: String) throws {
        let capabilities = try #require(BrokerCapabilities(version: version))
        let topology = BrokerTopology()
        let text = topology.definitions(virtualHost: "/", for: capabilities)
        #expect(text.contains(#""apply-to" : "\#(target)""#))
        for policy in topology.policies(for: capabilities) {
            #expect(policy.command.hasPrefix("rabbitmqctl set_policy --apply-to \(target) --priority 10"))
            #expect(policy.command.hasSuffix("}'"))
            #expect(policy.settings["delivery-limit"] != nil)
        }
    }
}
