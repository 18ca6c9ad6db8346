import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

/// Why a queued step has not begun: the sentence for each cause, and that the database gives its facts.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct StepWaitTests {
    /// 2026-11-23 02:00:00 UTC.
    private static let now = Date(timeIntervalSince1970: 1_795_399_200)

    private static func wait(_ change: (inout StepWait) -> Void = { _ in }) -> StepWait {
        var wait = StepWait(kind: "import", version: 2, institution: "school", dueAt: now)
        change(&wait)
        return wait
    }

    private static func bucket(tokens: Double, secondsAgo: Double) -> OutboxStore.Lane.Bucket {
        .init(tokens: tokens, refilledAt: now - secondsAgo, perMinute: 2, burst: 2)
    }

    private static let turn = "Waits for its turn among the steps that are due."
    private static let causes: [(StepWait, String)] = [
        (wait(), turn),
        (
            wait { $0.rungAt = now - 60 },
            """
            Rung at 2026-11-23 01:59:00 UTC and not taken yet: no worker that takes import steps of message version 2 has \
            a free slot, or none runs.
            """
        ),
        (
            wait { ($0.rungAt, $0.unanswered) = (now, 3) },
            """
            Rung at 2026-11-23 02:00:00 UTC and not taken yet: no worker that takes import steps of message version 2 has \
            a free slot, or none runs. Nobody came for 3 earlier bells.
            """
        ),
        (wait { $0.afterJob = "0192" }, "Waits until job 0192 has ended."),
        (wait { $0.dueAt = now + 0.5 }, "Waits until 2026-11-23 02:00:01 UTC."),
        (
            wait { $0.pause = .init(scope: "queue", target: "import", until: nil, reason: "Repairs.") },
            "Waits: queue import is paused until somebody resumes it: Repairs."
        ),
        (
            wait { $0.pause = .init(scope: "kind", target: "roster_sync", until: now + 60, reason: "Exams.") },
            "Waits: kind roster_sync is paused until 2026-11-23 02:01:00 UTC: Exams."
        ),
        (wait { ($0.limit, $0.inFlight) = (8, 8) }, "Waits: school has 8 steps in flight, and may have 8 at once."),
        (wait { ($0.limit, $0.inFlight) = (8, 7) }, turn),
        (
            wait { $0.bucket = bucket(tokens: 0.5, secondsAgo: 5) },
            "Waits: school may begin 2 steps a minute; the next may begin at 2026-11-23 02:00:10 UTC."
        ),
        (wait { $0.bucket = bucket(tokens: 0.5, secondsAgo: 15) }, turn),
        (wait { $0.bucket = bucket(tokens: 1, secondsAgo: 0) }, turn),
    ]

    @Test(arguments: causes)
    func `each cause has its sentence`(wait: StepWait, sentence: String) {
        #expect(wait.sentence(at: Self.now) == sentence)
        #expect(wait.explanation(stored: nil, at: Self.now) == sentence)
        #expect(wait.explanation(stored: "", at: Self.now) == sentence)
    }

    @Test func `of several causes the one is told that the dispatcher asks for first`() {
        var wait = Self.wait {
            ($0.afterJob, $0.dueAt) = ("0192", Self.now + 9)
            $0.pause = .init(scope: "queue", target: "import", until: nil, reason: "Repairs.")
            ($0.limit, $0.inFlight, $0.bucket) = (1, 1, Self.bucket(tokens: 0, secondsAgo: 0))
        }
        let forgets: [(String, (inout StepWait) -> Void)] = [
            ("until job", { $0.afterJob = nil }),
            ("Waits until 2026", { ($0.dueAt, $0.rungAt) = (Self.now, Self.now) }), ("paused", { $0.pause = nil }),
            ("Rung at", { $0.rungAt = nil }),
            ("in flight", { $0.limit = nil }), ("a minute", { $0.bucket = nil }), ("turn", { _ in }),
        ]
        for (words, forget) in forgets {
            #expect(wait.sentence(at: Self.now).contains(words))
            forget(&wait)
        }
    }

    @Test func `a stored reason stands alone until its time, and then before the cause`() {
        let stored = "Throttled until 02:14:00 UTC, attempt 3 of 20: Slow down."
        let wait = Self.wait { $0.dueAt = Self.now + 840 }
        #expect(wait.explanation(stored: stored, at: Self.now) == stored)
        #expect(wait.explanation(stored: stored, at: Self.now + 840) == "\(stored) \(Self.turn)")
    }

    private static let states: [(PostgresQuery, String)] = [
        ("UPDATE outbox SET due_at = due_at", turn),
        ("UPDATE outbox SET rung_at = clock_timestamp(), unanswered = 2", "not taken yet"),
        ("UPDATE outbox SET rung_at = clock_timestamp(), unanswered = 2", "Nobody came for 2 earlier bells."),
        ("UPDATE outbox SET after_job = job_id", "Waits until job"),
        ("UPDATE outbox SET due_at = '2999-01-01 00:00:00+00'", "Waits until 2999-01-01 00:00:00 UTC."),
        ("UPDATE institution SET concurrent_steps = 1", "school has 1 steps in flight, and may have 1 at once."),
        (
            """
            WITH l AS (UPDATE lane SET tokens = 0, refilled_at = clock_timestamp())
            UPDATE institution SET steps_per_minute = 1
            """, "school may begin 1 steps a minute; the next may begin at "
        ),
    ]

    @Test(arguments: states)
    func `what a ticket and its institution say is told of the step`(
        statement: PostgresQuery, words: String
    ) async throws {
        try await EngineDatabase.with { database in
            // In flight, so that a limit of one is reached.
            _ = try await database.claim(database.begin())
            let job = try await database.begin()
            try await database.pool.execute(statement)
            let steps = try await database.details(job).steps
            #expect(steps[0].explanation?.contains(words) == true, "\(steps[0].explanation ?? "nothing")")
            #expect(steps[0].reason == nil && steps[1].explanation == nil)
        }
    }

    @Test(arguments: [
        (PauseStore.Scope.queue, "extract"), (.institution, "school"), (.integration, "school/nightly"),
        (.kind, "roster_sync"),
    ])
    func `a pause is told with its end and its reason, the longest of several`(
        scope: PauseStore.Scope, target: String
    ) async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let pauses = PauseStore(database.pool)
            try await pauses.pause(scope, target, until: .distantFuture, reason: "Repairs.", by: "dana")
            try await pauses.pause(.queue, "import", until: nil, reason: "Of another queue.", by: "dana")
            let told = try #require(try await database.step(job).explanation)
            #expect(told == "Waits: \(scope.rawValue) \(target) is paused until 4001-01-01 00:00:00 UTC: Repairs.")
            try await pauses.pause(
                scope == .kind ? .queue : .kind, scope == .kind ? "extract" : "roster_sync",
                until: nil, reason: "For good.", by: "dana")
            #expect(try await database.step(job).explanation?.hasSuffix("until somebody resumes it: For good.") == true)
            try await database.pool.execute("UPDATE outbox SET rung_at = clock_timestamp()")
            #expect(try await database.step(job).explanation?.hasSuffix("For good.") == true, "no worker may take it")
            try await database.pool.execute("DELETE FROM pause")
            _ = try await database.claim(job)
            #expect(try await database.step(job).explanation == nil, "what runs does not wait")
        }
    }
}
