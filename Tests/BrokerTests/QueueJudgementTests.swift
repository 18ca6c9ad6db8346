import Broker
import Jobs
import Testing

@Suite struct QueueJudgementTests {
    static let topology = BrokerTopology(versions: [.convert: [1]])
    static let queue = topology.queue(for: .convert)
    static let old = BrokerCapabilities.oldest

    /// The settings that our own policy makes, with changes.
    static func step(_ changes: [String: BrokerPolicy.Value?] = [:], type: String = "quorum") -> QueueDescription {
        var settings = topology.policies[0].settings
        for (key, value) in changes { settings[key] = value }
        return QueueDescription(name: queue, type: type, policy: "rosterline-steps", settings: settings)
    }

    static func dead(_ changes: [String: BrokerPolicy.Value?] = [:]) -> QueueDescription {
        var settings = topology.policies[1].settings
        for (key, value) in changes { settings[key] = value }
        return QueueDescription(name: topology.deadQueue, type: "quorum", settings: settings)
    }

    @Test func `the broker's own tables go before what a queue told of itself, where they are certain`() {
        let told = [Self.step(), Self.dead()]
        let short = BrokerPolicy(name: "all", pattern: ".*", priority: 99, settings: ["message-ttl": 1000])
        func refresh(_ policy: String?, of policies: [BrokerPolicy]) -> [String?] {
            let assigned = told.map { QueueDescription(name: $0.name, type: "quorum", policy: policy) }
            return QueueDescription.refreshed(told, assigned: assigned, policies: policies).map { queue in
                queue == told.first { $0.name == queue.name } ? "as told" : queue.policy
            }
        }
        #expect(refresh("all", of: [short] + Self.topology.policies) == ["all", "all"])
        #expect(refresh(nil, of: []) == [nil, nil])
        #expect(refresh(nil, of: [short]) == ["as told", "as told"], "a version that names no policy here")
        #expect(refresh("gone", of: [short]) == ["as told", "as told"])
        let bare = QueueDescription(name: Self.queue, type: "quorum")
        for (type, isBelieved) in [("classic", false), ("quorum", true)] {
            let other = QueueDescription(name: "other", type: type, policy: "all")
            let seen = QueueDescription.refreshed(told, assigned: [bare, other], policies: [short])
            #expect(seen[0] == (isBelieved ? bare : told[0]), "that a \(type) queue has a policy")
        }
        let one = QueueDescription(name: Self.queue, type: "quorum", policy: "all")
        let refreshed = QueueDescription.refreshed(told, assigned: [one], policies: [short])
        #expect(
            refreshed == [
                QueueDescription(name: Self.queue, type: "quorum", policy: "all", settings: ["message-ttl": 1000]),
                told[1],
            ])
    }

    @Test(arguments: BrokerCapabilities.recorded)
    func `under our own policies nothing is wrong, with any version`(version: BrokerVersion) throws {
        let capabilities = try #require(BrokerCapabilities(version: version.description))
        let found = [
            Self.step(), Self.dead(), QueueDescription(name: "somebody.else", type: "classic"),
        ]
        #expect(Self.topology.judge(found, by: capabilities).isEmpty)
    }

    @Test(
        arguments: [
            (["overflow": nil], "drops its oldest messages"),
            (["overflow": "drop-head"], "drops its oldest messages"),
            (["overflow": "reject-publish-dlx"], "drops its oldest messages"),
            (["overflow": nil, "max-length": nil], "handed over without a confirm"),
            (["dead-letter-exchange": nil], "vanishes"),
            (["dead-letter-exchange": "other"], "to exchange 'other'"),
            (["dead-letter-strategy": nil], "at most once"),
            (["dead-letter-strategy": "at-most-once"], "at most once"),
            (["message-ttl": 60_000], "after 60000 ms (message-ttl)"),
            (["expires": 1000], "(expires)"),
            (["delivery-limit": 5], "after 5 deliveries"),
        ] as [([String: BrokerPolicy.Value?], String)])
    func `a setting under which a step could get lost is refused, with the command that mends it`(
        changes: [String: BrokerPolicy.Value?], words: String
    ) throws {
        let judgements = Self.topology.judge([Self.step(changes), Self.dead()], by: Self.old)
        #expect(judgements.count == 1)
        let judgement = try #require(judgements.first)
        #expect(judgement.isWrong && judgement.queue == Self.queue)
        #expect(judgement.words.contains(words), "\(judgement.words)")
        #expect(
            judgement.remedy.hasPrefix("Run: rabbitmqctl set_policy --apply-to queues --priority 10 rosterline-steps"))
        #expect(judgement.remedy.contains("Policy 'rosterline-steps' applies now"))
        let troubles = Self.topology.troubles([Self.step(changes)], by: Self.old)
        #expect(troubles.map(\.kind) == ["setting"])
    }

    @Test(arguments: [("3.10", false), ("3.13", false), ("4.0", true), ("4.3", true)])
    func `no delivery limit is the broker's own since 4.0, and then it is wrong`(version: String, isWrong: Bool) throws
    {
        let capabilities = try #require(BrokerCapabilities(version: version))
        let found = [Self.step(["delivery-limit": nil]), Self.dead(["delivery-limit": nil])]
        #expect(Self.topology.judge(found, by: capabilities).map(\.isWrong) == (isWrong ? [true, true] : []))
        let unlimited = [Self.step(["delivery-limit": -1]), Self.dead(["delivery-limit": -1])]
        #expect(Self.topology.judge(unlimited, by: capabilities).isEmpty == isWrong)
    }

    @Test func `a limit of the dead letters is wrong, since behind them there is nothing`() {
        let judgements = Self.topology.judge([Self.step(), Self.dead(["delivery-limit": 50])], by: Self.old)
        #expect(judgements.map(\.queue) == [Self.topology.deadQueue])
    }

    @Test(arguments: ["classic", "stream"])
    func `a queue of our name and another type is refused`(type: String) {
        let judgements = Self.topology.judge([Self.step(type: type)], by: Self.old)
        #expect(judgements.first?.words.hasPrefix("is a \(type) queue") == true)
        #expect(judgements.first?.remedy.contains("rosterline migrate") == true)
    }

    @Test func `a short consumer timeout and a missing length are only notes`() {
        let found = Self.step(["consumer-timeout": 30_000, "max-length": nil])
        #expect(Self.topology.judge([found], by: Self.old).map(\.isWrong) == [false, false])
    }

    @Test func `arguments of the declaration go before the policy, and the smaller limit counts`() {
        let queue = QueueDescription(
            name: "q", type: "quorum", settings: ["max-length": 10, "overflow": "reject-publish"],
            arguments: ["x-max-length": 5, "x-overflow": "drop-head"])
        #expect(queue.setting("max-length") == 5)
        #expect(queue.setting("overflow") == "drop-head")
        #expect(queue.setting("expires") == nil)
    }

    @Test func `the management API's listing is read, also where nothing is set`() throws {
        let listing = #"""
            [{"name":"a","type":"quorum","policy":"p","arguments":{"x-queue-type":"quorum"},
              "effective_policy_definition":{"max-length":5,"overflow":"reject-publish"}},
             {"name":"b","policy":null,"arguments":[],"effective_policy_definition":[]}]
            """#
        let found = try QueueDescription.decode(listing: Array(listing.utf8))
        #expect(
            found == [
                QueueDescription(
                    name: "a", type: "quorum", policy: "p",
                    settings: ["max-length": 5, "overflow": "reject-publish"], arguments: ["x-queue-type": "quorum"]),
                QueueDescription(name: "b", type: "classic"),
            ])
        #expect(throws: DecodingError.self) { try QueueDescription.decode(listing: Array("{}".utf8)) }
    }
}
