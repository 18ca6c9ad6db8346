import Chaos
import EngineTestSupport
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

/// What the triggers write down, by what the checker makes of it: the breaches are made in the tables themselves, as an
/// engine would that looks at no token.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct HistoryStoreTests {
    /// Runs the body with a step that a worker holds.
    ///
    /// - Returns: the rules that were broken.
    private func rules(
        _ body: (EngineDatabase, _ history: HistoryStore, _ other: PostgresPool, StepLease) async throws -> Void
    ) async throws -> [HistoryChecker.Rule] {
        var rules: [HistoryChecker.Rule] = []
        try await EngineDatabase.with { database in
            let history = HistoryStore(database.pool)
            try await history.install()
            let lease = try await database.claim(database.begin()).lease
            var configuration = database.configuration
            configuration.applicationName = "other"
            try await PostgresPool.withPool(configuration, logger: EngineDatabase.logger) { other in
                try await body(database, history, other, lease)
            }
            rules = HistoryChecker.violations(in: try await history.events()).map(\.rule)
        }
        return rules
    }

    @Test func `a step that is held, renewed, done and ended breaks no rule`() async throws {
        let rules = try await rules { database, history, _, lease in
            #expect(try await database.steps.renew([lease], for: .seconds(60)).held == [lease])
            #expect(try await history.effect(under: lease))
            try await database.end(lease, .complete, as: .completed)
        }
        #expect(rules == [])
    }

    @Test func `a renewal by one who does not hold the lease is found`() async throws {
        let rules = try await rules { _, _, other, lease in
            try await other.execute(
                "UPDATE step SET leased_until = leased_until + interval '1 s' WHERE job_id = \(lease.step.job.uuid)")
        }
        #expect(rules.first == .overlap)
    }

    @Test func `an end by one who does not hold the lease is found`() async throws {
        let rules = try await rules { _, history, other, lease in
            #expect(try await history.effect(under: lease))
            try await other.execute(
                """
                UPDATE step SET state = 'completed', lease_owner = NULL, leased_until = NULL, finished_at = now()
                WHERE job_id = \(lease.step.job.uuid) AND state = 'running'
                """)
        }
        #expect(rules == [.overlap])
    }

    @Test func `a step that is ended twice is found`() async throws {
        let rules = try await rules { database, history, _, lease in
            #expect(try await history.effect(under: lease))
            try await database.end(lease, .complete, as: .completed)
            try await database.pool.execute(
                """
                UPDATE step SET finished_at = clock_timestamp() + interval '1 s'
                WHERE job_id = \(lease.step.job.uuid) AND state = 'completed'
                """)
        }
        #expect(rules == [.doubled])
    }

    @Test func `work that is done twice under one lease is found`() async throws {
        let rules = try await rules { database, history, _, lease in
            #expect(try await history.effect(under: lease))
            #expect(try await history.effect(under: lease))
            try await database.end(lease, .complete, as: .completed)
        }
        #expect(rules == [.doubled, .doubled])
    }

    @Test func `work that goes on after its attempt has ended is found`() async throws {
        let rules = try await rules { database, history, _, lease in
            try await database.end(lease, .fail, as: .failed)
            #expect(try await history.effect(under: lease) == false)
        }
        #expect(rules == [.doubled])
    }
}
