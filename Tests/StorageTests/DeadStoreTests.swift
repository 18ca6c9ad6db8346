import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct DeadStoreTests {
    /// Begins a job and lets its first step fail.
    private func fail(
        _ database: EngineDatabase, code: String = "roster.unreadable", _ message: String = "Row 1 is broken."
    ) async throws -> StepID {
        let lease = try await database.claim(try await database.begin()).lease
        try await database.end(lease, .fail, as: .failed) {
            $0.errorCode = code
            $0.errorMessage = message
        }
        return lease.step
    }

    /// What maintenance does.
    private func group(_ database: EngineDatabase) async throws {
        try await database.pool.withTransaction { transaction in
            let store = DeadStore(transaction)
            try await store.put(
                try await store.ungrouped().map {
                    (
                        $0,
                        DeadStore.Key(
                            jobKind: $0.jobKind, stepKind: $0.stepKind, code: $0.code,
                            fingerprint: FailureFingerprint.pattern(of: $0.message))
                    )
                })
        }
    }

    private func onlyGroup(_ database: EngineDatabase) async throws -> DeadGroupView {
        let groups = try await DeadStore(database.pool).groups().rows
        #expect(groups.count == 1)
        return try #require(groups.first)
    }

    private func actions(_ database: EngineDatabase) -> OperatorActions { OperatorActions(database.pool) }

    @Test func `failures of one cause are one group, with their number, times and a sample`() async throws {
        try await EngineDatabase.with { database in
            for row in 1...3 { _ = try await fail(database, "Row \(row) is broken.") }
            let other = try await fail(database, code: "canvas.denied", "No.")
            try await group(database)
            let groups = try await DeadStore(database.pool).groups().rows
            #expect(groups.map(\.code) == ["canvas.denied", "roster.unreadable"])
            #expect(groups.map(\.members) == [1, 3] && groups.map(\.total) == [1, 3])
            #expect(groups[1].fingerprint == "Row ‹n› is broken." && groups[1].sampleMessage == "Row 3 is broken.")
            #expect(groups[0].sampleJob == other.job)
            #expect(groups[1].firstAt < groups[1].lastAt)
            // A second look finds nothing left to do.
            try await group(database)
            #expect(try await DeadStore(database.pool).groups().rows.map(\.total) == [1, 3])
        }
    }

    @Test func `a retry puts the steps back into their queues, with all tries before them`() async throws {
        try await EngineDatabase.with { database in
            let steps = [try await fail(database), try await fail(database)]
            try await database.pool.execute("UPDATE step SET failures = 7, rescues = 2 WHERE state = 'failed'")
            try await group(database)
            let dead = try await onlyGroup(database)
            let action = try await actions(database).begin(
                .retry, DeadScope(group: dead.id), expected: 2, by: "mara", reason: "The disk is back.")
            #expect(action.done == 2 && action.finishedAt != nil)
            #expect(Set(try await database.bells()) == Set(steps))
            for step in steps {
                let view = try await database.step(step.job)
                #expect(view.state == .queued && view.failures == 0 && view.rescues == 0 && view.errorCode == nil)
                #expect(view.reason == "Run again by mara.")
                let job = try await database.details(step.job).job
                #expect(job.state == .inProgress && job.finishedAt == nil)
            }
            #expect(try await DeadStore(database.pool).groups().rows.isEmpty)
            #expect(try await DeadStore(database.pool).groups(all: true).rows.map(\.members) == [0])
            try await database.end(try await database.claim(steps[0].job).lease, .complete, as: .completed)
            #expect(try await database.step(steps[0].job, 2).state == .queued)
            let entry = try #require(try await AuditStore(database.pool).rows().rows.first)
            #expect(entry.action == "dead.retry" && entry.actor == "mara" && entry.reason == "The disk is back.")
        }
    }

    @Test func `what fails again after a retry is grouped again, and not run again by the same order`() async throws {
        try await EngineDatabase.with { database in
            let step = try await fail(database)
            try await group(database)
            let dead = try await onlyGroup(database)
            _ = try await actions(database).begin(.retry, DeadScope(group: dead.id), expected: 1, by: "m", reason: "r")
            try await database.pool.execute("UPDATE dead_action SET finished_at = NULL")
            let lease = try await database.claim(step.job).lease
            try await database.end(lease, .fail, as: .failed) {
                $0.errorCode = "roster.unreadable"
                $0.errorMessage = "Row 2 is broken."
            }
            try await group(database)
            #expect(try await onlyGroup(database).total == 2)
            _ = try await database.pool.withTransaction { try await DeadStore($0).carryOn() }
            #expect(try await database.step(step.job).state == .failed)
        }
    }

    @Test func `an order for another number than there is does nothing, and says what there is`() async throws {
        try await EngineDatabase.with { database in
            let step = try await fail(database)
            try await group(database)
            let dead = try await onlyGroup(database)
            let refusal = await #expect(throws: StorageError.self) {
                try await actions(database).begin(
                    .retry, DeadScope(group: dead.id), expected: 3, by: "m", reason: "r")
            }
            #expect(refusal?.code == .changed)
            #expect(refusal?.message == "There are 1 by now, not 3. Look at them again before you confirm.")
            #expect(try await database.step(step.job).state == .failed)
            #expect(try await AuditStore(database.pool).head() == nil)
        }
    }

    @Test func `more than a batch survives whoever began it`() async throws {
        try await EngineDatabase.with { database in
            try await database.jobs.begin(
                (0..<1201).map { _ in JobRequest(.rosterSync, integration: database.integration, postedBy: "test") })
            try await database.pool.execute(
                "UPDATE step SET state = 'failed', finished_at = now(), error_code = 'x' WHERE ordinal = 1")
            try await database.pool.execute("UPDATE job SET state = 'failed', finished_at = now()")
            try await database.pool.execute("DELETE FROM outbox")
            for _ in 0..<3 { try await group(database) }
            let dead = try await onlyGroup(database)
            #expect(dead.members == 1201)
            let begun = try await actions(database).begin(
                .retry, DeadScope(group: dead.id), expected: 1201, by: "m", reason: "r")
            #expect(begun.done == 500 && begun.finishedAt == nil)
            // Somebody else goes on.
            var last: DeadActionView? = begun
            while let next = try await database.pool.withTransaction({ try await DeadStore($0).carryOn() }) {
                last = next
            }
            #expect(last?.done == 1201 && last?.finishedAt != nil)
            #expect(try await database.bells().count == 1201)
        }
    }

    @Test func `old data is not brought back unless somebody says so`() async throws {
        try await EngineDatabase.with { database in
            let old = try await fail(database)
            let later = try await database.begin()
            for ordinal in Int16(1)...3 {
                try await database.end(try await database.claim(later, ordinal).lease, .complete, as: .completed)
            }
            try await group(database)
            let dead = try await onlyGroup(database)
            var scope = DeadScope(group: dead.id)
            let store = DeadStore(database.pool)
            #expect(try await store.preview(.retry, scope) == DeadPreview(count: 0, overtaken: 1))
            #expect(try await store.preview(.discard, scope) == DeadPreview(count: 1, overtaken: 0))
            #expect(try await store.steps(of: scope).rows.map(\.isOvertaken) == [true])
            _ = try await actions(database).begin(.retry, scope, expected: 0, by: "m", reason: "r")
            #expect(try await database.step(old.job).state == .failed)
            let refusal = await #expect(throws: StorageError.self) {
                try await actions(database).retry(old.job, by: "m", reason: "r")
            }
            #expect(refusal?.code == .refused)
            scope.includesOvertaken = true
            _ = try await actions(database).begin(.retry, scope, expected: 1, by: "m", reason: "r")
            #expect(try await database.step(old.job).state == .queued)
        }
    }

    @Test func `a discarded group is closed, its steps stay failed, and a new failure opens it`() async throws {
        try await EngineDatabase.with { database in
            let step = try await fail(database)
            try await group(database)
            let dead = try await onlyGroup(database)
            try await actions(database).annotate(dead.id, note: "Known.", assignedTo: "ben", by: "mara")
            _ = try await actions(database).begin(
                .discard, DeadScope(group: dead.id), expected: 1, by: "m", reason: "Seen to.")
            let store = DeadStore(database.pool)
            let closed = try #require(try await store.group(dead.id))
            #expect(closed.isDiscarded && closed.members == 0 && closed.note == "Known." && closed.assignedTo == "ben")
            #expect(try await database.step(step.job).state == .failed)
            _ = try await fail(database)
            try await group(database)
            let open = try await onlyGroup(database)
            #expect(open.id == dead.id && !open.isDiscarded && open.members == 1 && open.total == 2)
        }
    }

    @Test func `an order may be limited to an institution, and a name that is none does not mean all`() async throws {
        try await EngineDatabase.with { database in
            _ = try await IntegrationStore(database.pool).put(institution: "other", name: "Other")
            _ = try await fail(database)
            try await group(database)
            let dead = try await onlyGroup(database)
            let store = DeadStore(database.pool)
            func scope(_ slug: String) -> DeadScope { DeadScope(group: dead.id, institution: slug) }
            #expect(try await store.preview(.retry, scope("school")).count == 1)
            #expect(try await store.preview(.retry, scope("other")).count == 0)
            _ = try await actions(database).begin(.retry, scope("other"), expected: 0, by: "m", reason: "r")
            #expect(try await store.group(dead.id)?.members == 1)
            let refusal = await #expect(throws: StorageError.self) {
                try await actions(database).begin(.discard, scope("nobody"), expected: 0, by: "m", reason: "r")
            }
            #expect(refusal?.code == .notFound)
            _ = try await actions(database).begin(.retry, scope("school"), expected: 1, by: "m", reason: "r")
            #expect(try await store.group(dead.id)?.members == 0)
        }
    }

    @Test func `one member can be annotated, discarded, or run again`() async throws {
        try await EngineDatabase.with { database in
            let one = try await fail(database)
            let two = try await fail(database)
            try await group(database)
            let dead = try await onlyGroup(database)
            let actions = actions(database)
            try await actions.annotate(.step(one), of: dead.id, note: "Mine.", by: "m")
            try await actions.annotate(.step(one), of: dead.id, note: "Mine.", by: "m")
            let rows = try await DeadStore(database.pool).steps(of: DeadScope(group: dead.id)).rows
            #expect(rows.map(\.step) == [two, one] && rows.map(\.note) == [nil, "Mine."])
            try await actions.discard(.step(one), of: dead.id, by: "m", reason: "r")
            let discarded = try #require(try await actions.audit.rows(AuditFilter(action: .deadDiscard)).rows.first)
            #expect(discarded.before == #"{"group": "\#(dead.id)", "discarded": "false"}"#)
            #expect(discarded.after == #"{"group": "\#(dead.id)", "discarded": "true"}"#)
            #expect(try await DeadStore(database.pool).group(dead.id)?.isDiscarded == false)
            await #expect(throws: StorageError.self) {
                try await actions.discard(.step(one), of: dead.id, by: "m", reason: "r")
            }
            #expect(try await actions.retry(.step(two), of: dead.id, by: "m", reason: "r") == two)
            #expect(try await database.step(two.job).state == .queued)
            #expect(try await database.step(one.job).state == .failed)
            #expect(try await DeadStore(database.pool).group(dead.id)?.members == 0)
            let again = await #expect(throws: StorageError.self) {
                try await actions.retry(two.job, by: "m", reason: "r")
            }
            #expect(again?.message == "No step of job \(two.job) is failed.")
            let audit = try await AuditStore(database.pool).rows().rows
            #expect(audit.map(\.action) == ["job.retry", "dead.discard", "dead.annotate"])
            #expect(audit.map(\.subject) == ["job \(two.job)", "job \(one.job) step 1", "job \(one.job) step 1"])
        }
    }

    @Test func `a member is touched only in the group that it is in`() async throws {
        try await EngineDatabase.with { database in
            let step = try await fail(database)
            let other = try await fail(database, code: "canvas.denied", "No.")
            try await group(database)
            let groups = try await DeadStore(database.pool).groups().rows
            let foreign = try #require(groups.first { $0.code == "canvas.denied" }).id
            let actions = actions(database)
            for member in [DeadMember.step(step), .step(StepID(job: other.job, ordinal: 2)), .message(1)] {
                let orders: [(DeadMember) async throws -> Void] = [
                    { try await actions.annotate($0, of: foreign, note: "x", by: "m") },
                    { try await actions.discard($0, of: foreign, by: "m", reason: "r") },
                    { _ = try await actions.retry($0, of: foreign, by: "m", reason: "r") },
                ]
                for order in orders { await #expect(throws: StorageError.self) { try await order(member) } }
            }
            #expect(try await DeadStore(database.pool).groups().rows.map(\.members) == [1, 1])
            #expect(try await AuditStore(database.pool).head() == nil)
        }
    }

    @Test func `the last member that is discarded closes the group, and one that is overtaken asks for a word`()
        async throws
    {
        try await EngineDatabase.with { database in
            let step = try await fail(database)
            let later = try await database.begin()
            for ordinal in Int16(1)...3 {
                try await database.end(try await database.claim(later, ordinal).lease, .complete, as: .completed)
            }
            try await group(database)
            let dead = try await onlyGroup(database)
            let refusal = await #expect(throws: StorageError.self) {
                try await actions(database).retry(.step(step), of: dead.id, by: "m", reason: "r")
            }
            #expect(refusal?.code == .refused)
            try await actions(database).discard(.step(step), of: dead.id, by: "m", reason: "r")
            #expect(try await DeadStore(database.pool).group(dead.id)?.isDiscarded == true)
        }
    }

    @Test(arguments: ["", "0", "-1", "x", "1/2", "01934f6e-8a00-7cc3-9f5b-0d1c2b3a4958/0", "1/2/3"])
    func `a member is named as lists show it, and not otherwise`(text: String) throws {
        #expect(DeadMember(text) == nil)
        let step = StepID(job: .random(), ordinal: 2)
        #expect(DeadMember(step.description) == .step(step))
        #expect(DeadMember("41") == .message(41) && DeadMember.message(41).description == "41")
    }

    @Test func `what the broker put aside is stored once, and says what became of its step`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            func letter(_ step: StepID?, problem: String? = nil) -> DeadStore.Letter {
                DeadStore.Letter(
                    queue: "rosterline.extract", reason: "delivery_limit", deaths: 3,
                    firstDeathAt: Date(timeIntervalSince1970: 1_000), messageID: nil, step: step, problem: problem,
                    head: problem == nil ? [] : [0xFF, 0], bytes: 2)
            }
            let letters = [
                letter(StepID(job: job, ordinal: 1)), letter(StepID(job: job, ordinal: 9)),
                letter(nil, problem: "not a step message"),
            ]
            let store = DeadStore(database.pool)
            #expect(try await store.put(letters + letters) == 3)
            #expect(try await store.put(letters) == 0)
            let groups = try await store.groups().rows
            #expect(groups.map(\.source) == [.message, .message] && groups.map(\.members).sorted() == [1, 2])
            let readable = try #require(groups.first { $0.members == 2 })
            #expect(
                Set(try await store.messages(of: readable.id).rows.map(\.remark)) == [
                    "Its step is still queued, and is rung for again by itself.",
                    "Its step is gone; nothing waits for it.",
                ])
            let refusal = await #expect(throws: StorageError.self) {
                try await actions(database).begin(
                    .retry, DeadScope(group: readable.id), expected: 2, by: "m", reason: "r")
            }
            #expect(refusal?.code == .refused)
            let one = try #require(try await store.messages(of: readable.id).rows.last).id
            try await actions(database).annotate(.message(one), of: readable.id, note: "Odd.", by: "m")
            #expect(try await store.messages(of: readable.id).rows.map(\.note) == [nil, "Odd."])
            try await actions(database).discard(.message(one), of: readable.id, by: "m", reason: "r")
            let done = try await actions(database).begin(
                .discard, DeadScope(group: readable.id), expected: 1, by: "m", reason: "r")
            #expect(done.done == 1)
            #expect(try await store.group(readable.id)?.isDiscarded == true)
            #expect(try await store.prune(olderThan: .seconds(3600)) == 0)
            #expect(try await store.prune(olderThan: .zero) == 3)
        }
    }
}
