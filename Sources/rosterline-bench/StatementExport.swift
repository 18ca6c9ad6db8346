internal import Foundation
internal import Jobs
internal import NIOConcurrencyHelpers
internal import Postgres
internal import Storage

/// Writes down the statements with which the engine claims and ends steps, for the C program to do the same work with.
///
/// They are those that the engine itself sends, recorded while it claims and ends one step, so they cannot drift apart.
/// The form of the file is described in `CJobBench/statements.c`.
enum StatementExport {
    /// A token that appears nowhere else.
    private static let token: Int64 = 7_777_777

    /// - Parameter engine: whose database is empty but prepared; it is left with one completed job.
    static func write(_ engine: EngineUnderTest, to path: String) async throws {
        let text = try await engine.withPool { pool in
            let recorder = StatementRecorder(database: pool)
            let job = JobID.random()
            guard let integration = try await pool.query("SELECT id FROM integration LIMIT 1").first else {
                throw BenchError("There is no integration.")
            }
            try await JobStore(pool).begin([
                JobRequest(
                    .rosterSync, integration: integration.decode("id"), postedBy: "bench", id: job, steps: [.extract])
            ])
            try await pool.execute("UPDATE step SET fencing_token = \(token - 1)")
            let steps = StepStore(recorder)
            let claims = try await steps.claim([StepID(job: job, ordinal: 1)], owner: "c", for: .seconds(30))
            let begin = recorder.take()
            guard let lease = claims.first?.lease, lease.token == token,
                let ending = StepEnding(lease, event: .complete, outcome: .completed)
            else { throw BenchError("The engine did not claim its own step.") }
            guard try await steps.end([ending]).count == 1 else { throw BenchError("The engine did not end its step.") }
            return begin.map { section("begin", $0, job: job) }.joined()
                + recorder.take().map { section("complete", $0, job: job) }.joined()
        }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private static func section(_ phase: String, _ query: PostgresQuery, job: JobID) -> String {
        var text = "statement \(phase) \(query.sql.utf8.count)\n\(query.sql)\n"
        for value in query.values {
            let (form, content) = form(of: value.text, job: job)
            text += "parameter \(value.type) \(form) \(content.utf8.count)\n\(content)\n"
        }
        return text
    }

    /// A batch of one is an array of one element; a bigger batch repeats it, with its own ids and tokens.
    private static func form(of text: String?, job: JobID) -> (form: String, content: String) {
        guard let text else { return ("null", "") }
        guard text.hasPrefix("{"), text.hasSuffix("}"), text != "{}", !text.contains(",") else {
            return ("value", text)
        }
        let element = String(text.dropFirst().dropLast())
        switch element.lowercased().filter({ $0 != "\"" }) {
        case job.uuid.uuidString.lowercased(): return ("job", "")
        case "\(token)": return ("token", "")
        default: return ("each", element)
        }
    }
}

/// Passes statements on, and remembers them.
private final class StatementRecorder: PostgresQuerying {
    private let database: any PostgresQuerying
    private let seen = NIOLockedValueBox<[PostgresQuery]>([])

    init(database: any PostgresQuerying) {
        self.database = database
    }

    func take() -> [PostgresQuery] {
        seen.withLockedValue { seen in
            defer { seen = [] }
            return seen
        }
    }

    func query(_ query: PostgresQuery) async throws -> PostgresRows {
        seen.withLockedValue { $0.append(query) }
        return try await database.query(query)
    }

    @discardableResult
    func execute(_ query: PostgresQuery) async throws -> Int {
        seen.withLockedValue { $0.append(query) }
        return try await database.execute(query)
    }

    func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
        seen.withLockedValue { $0 += queries }
        return try await database.pipeline(queries)
    }
}
