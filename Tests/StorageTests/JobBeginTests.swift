import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct JobBeginTests {
    @Test func `a job begins with all its steps and one doorbell, for the first`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let details = try await database.details(job)
            #expect(details.job.state == .inProgress)
            #expect(details.job.postedBy == "test")
            #expect(details.steps.map(\.kind) == ["extract", "convert", "import"])
            #expect(details.steps.map(\.state) == [.queued, .pending, .pending])
            #expect(try await database.bells() == [StepID(job: job, ordinal: 1)])
        }
    }

    @Test func `the job keeps the settings it began with`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let store = IntegrationStore(database.pool)
            let institution = try await store.put(institution: "school", name: "School")
            let id = try await store.put(
                integration: "nightly", name: "Nightly", institution: institution,
                settings: EngineDatabase.settings(canvas: "https://elsewhere.example"))
            #expect(id == database.integration)
            let claim = try await database.claim(job)
            #expect(try IntegrationSettings(decoding: claim.job.settings) == EngineDatabase.nowhere)
            #expect(claim.job.institution == "school")
            let later = try await database.claim(try await database.begin())
            #expect(
                try IntegrationSettings(decoding: later.job.settings).canvas.address == "https://elsewhere.example")
        }
    }

    @Test func `an integration that is not there begins nothing`() async throws {
        try await EngineDatabase.with { database in
            let error = await #expect(throws: StorageError.self) {
                try await database.jobs.begin(.rosterSync, integration: 999, postedBy: "test")
            }
            #expect(error?.code == .notFound)
            let bells = try await database.bells()
            #expect(bells.isEmpty)
            #expect(try await database.queries.jobs().rows.isEmpty)
        }
    }

    @Test func `an integration that is not there is named beside those that are`() async throws {
        try await EngineDatabase.with { database in
            let store = IntegrationStore(database.pool)
            let found = try await store.id(institution: "school", integration: "nightly")
            #expect(found == database.integration)
            let error = await #expect(throws: StorageError.self) {
                try await store.id(institution: "school", integration: "daily")
            }
            #expect(error?.message.contains("school/nightly") == true)
        }
    }

    @Test func `ids carry their time, so that the newest sorts last`() throws {
        var generator = SystemRandomNumberGenerator()
        let early = JobID(at: Date(timeIntervalSince1970: 1_700_000_000), using: &generator)
        let late = JobID(at: Date(timeIntervalSince1970: 1_700_000_000.002), using: &generator)
        #expect(early.description < late.description)
        for id in [early, late] {
            let text = Array(id.description)
            #expect(text[14] == "7")
            #expect("89ab".contains(text[19]))
        }
    }

    /// With a listener that hears what dispatchers are told.
    private func whileListening(
        _ database: EngineDatabase, _ body: (PostgresListener) async throws -> Void
    ) async throws {
        let listener = PostgresListener(
            configuration: database.configuration, channels: [OutboxStore.channel], logger: EngineDatabase.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await listener.run() }
            defer { group.cancelAll() }
            try await eventually("somebody listens") {
                try await !database.pool.query(
                    "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                ).isEmpty
            }
            try await body(listener)
        }
    }

    @Test func `a doorbell is announced to listeners at once`() async throws {
        try await EngineDatabase.with { database in
            try await whileListening(database) { listener in
                let job = try await database.begin()
                var bells = listener.notifications.makeAsyncIterator()
                #expect(await bells.next()?.channel == OutboxStore.channel)
                try await database.complete(job, before: 2)
                #expect(await bells.next()?.channel == OutboxStore.channel)
            }
        }
    }

    @Test func `a notice names dispatcher and step where no limit concerns it, and asks for a look elsewhere`()
        async throws
    {
        try await EngineDatabase.with { database in
            try await whileListening(database) { listener in
                func notice(_ change: PostgresQuery?, of requests: JobRequest...) async throws -> OutboxNotice? {
                    if let change { try await database.pool.execute(change) }
                    try await database.jobs.begin(requests)
                    return await listener.notifications.first { _ in true }.map { OutboxNotice(payload: $0.payload) }
                }
                func request(
                    after job: JobID? = nil, at time: Date? = nil, version: Int16 = 1
                ) -> JobRequest {
                    JobRequest(
                        .rosterSync, integration: database.integration, postedBy: "test", runAfter: time, afterJob: job,
                        version: version)
                }
                let unlimited: PostgresQuery = "UPDATE institution SET concurrent_steps = NULL, steps_per_minute = NULL"
                #expect(try await notice(unlimited, of: request()) == .look, "no dispatcher lives")
                try await OutboxStore(database.pool).beat(dispatcher: 4, name: "old")
                try await OutboxStore(database.pool).beat(dispatcher: .max, name: "new")
                let step = request(version: 2)
                let message = StepMessage(job: step.id, ordinal: 1, kind: .extract, version: 2)
                #expect(try await notice(nil, of: step) == .ring(message, dispatcher: .max))
                #expect(try await notice(nil, of: request(), request()) == .look)
                #expect(try await notice(nil, of: request(after: step.id)) == .look)
                #expect(try await notice(nil, of: request(at: Date())) == .look)
                #expect(try await notice("UPDATE institution SET concurrent_steps = 8", of: request()) == .look)
                #expect(
                    try await notice(
                        "UPDATE institution SET concurrent_steps = NULL, steps_per_minute = 9", of: request()) == .look)
                _ = try await notice(unlimited, of: request())
                try await PauseStore(database.pool).pause(.queue, "import", until: nil, reason: "test", by: "test")
                #expect(try await notice(nil, of: request()) == .look)
            }
        }
    }

    @Test(arguments: ["", "7", "7 ", "x {}", "7 {}", #"7 {"job":"1","kind":"extract","step":1,"v":1}"#])
    func `a notice that nobody understands asks for a look`(payload: String) {
        #expect(OutboxNotice(payload: payload) == .look)
    }
}
