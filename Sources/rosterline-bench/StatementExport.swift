internal import Foundation
internal import Jobs
internal import NIOConcurrencyHelpers
internal import Postgres
internal import Storage

/// Writes down the statements with which the engine claims and ends steps, for the C program to do the same work with.
///
/// They are those that the engine itself sends for a batch, recorded while it claims and ends two steps, so they cannot
/// drift apart.
/// The form of the file is described in `CJobBench/statements.c`.
enum StatementExport {
    /// A token that appears nowhere else.
    private static let token: Int64 = 7_777_777

    /// - Parameter engine: whose database is empty but prepared; it is left with two completed jobs.
    static func write(_ engine: EngineUnderTest, to path: String) async throws {
        let text = try await engine.withPool { pool in
            let recorder = StatementRecorder(database: pool)
            let jobs = [JobID.random(), JobID.random()]
            guard let integration = try await pool.query("SELECT id FROM integration LIMIT 1").first else {
                throw BenchError("There is no integration.")
            }
            let id: Int64 = try integration.decode("id")
            try await JobStore(pool).begin(
                jobs.map { JobRequest(.rosterSync, integration: id, postedBy: "bench", id: $0, steps: [.extract]) })
            try await pool.execute("UPDATE step SET fencing_token = \(token - 1)")
            let steps = StepStore(recorder)
            let claims = try await steps.claim(
                jobs.map { StepID(job: $0, ordinal: 1) }, owner: "c", for: .seconds(30))
            let begin = recorder.take()
            let endings = claims.map(\.lease).filter { $0.token == token }.compactMap {
                StepEnding($0, event: .complete, outcome: .completed)
            }
            guard endings.count == jobs.count else { throw BenchError("The engine did not claim its own steps.") }
            guard try await steps.end(endings).count == jobs.count else {
                throw BenchError("The engine did not end its steps.")
            }
            return try begin.map { try section("begin", $0, jobs: jobs) }.joined()
                + recorder.take().map { try section("complete", $0, jobs: jobs) }.joined()
        }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private static func section(_ phase: String, _ query: PostgresQuery, jobs: [JobID]) throws -> String {
        var text = "statement \(phase) \(query.sql.utf8.count)\n\(query.sql)\n"
        for value in query.values {
            let (form, content) = try form(of: value.text, jobs: jobs)
            text += "parameter \(value.type) \(form) \(content.utf8.count)\n\(content)\n"
        }
        return text
    }

    /// An array of two elements stands for a batch: it is repeated for each step, with its own ids and tokens.
    private static func form(of text: String?, jobs: [JobID]) throws -> (form: String, content: String) {
        guard let text else { return ("null", "") }
        guard text.hasPrefix("{"), text.hasSuffix("}") else { return ("value", text) }
        let elements = text.dropFirst().dropLast().split(separator: ",").map { $0.filter { $0 != "\"" } }
        guard elements.count == jobs.count else { return ("value", text) }
        if Set(elements.map { $0.lowercased() }) == Set(jobs.map { $0.uuid.uuidString.lowercased() }) {
            return ("job", "")
        }
        guard Set(elements).count == 1 else {
            throw BenchError("A statement has a value for each step that this export does not know: \(text)")
        }
        return elements[0] == "\(token)" ? ("token", "") : ("each", elements[0])
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
