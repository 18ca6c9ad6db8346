import HTTPTypes
import Hummingbird
import Postgres
import Storage

/// Whether this process lives, and whether it can do its work.
struct HealthController: Sendable {
    let reader: StatusReader
    let checks: [ReadinessCheck]
    /// For each check; they run at once.
    let timeout: Duration

    func addRoutes(to group: StatusGroup) {
        // Whoever asks for health as such wants to know whether it works.
        group.get("", use: ready)
        group.get("live", use: live)
        group.get("ready", use: ready)
    }

    private struct LiveResponse: Encodable {
        let status: String
    }

    private struct ReadyResponse: Encodable {
        let status: String
        let checks: [String: CheckResponse]
    }

    private struct CheckResponse: Encodable, Sendable {
        let ok: Bool
        /// What is wrong and what to do; missing if all is well.
        let detail: String?
    }

    /// Asks nobody: a lost database must not make anyone restart this process.
    private func live(_ request: Request, _ context: StatusContext) async throws -> Response {
        try JSONResponse.make(LiveResponse(status: "live"))
    }

    private func ready(_ request: Request, _ context: StatusContext) async throws -> Response {
        let queries = reader.queries
        let all =
            [
                ReadinessCheck("postgres") { _ = try await queries.engineCounts() },
                ReadinessCheck("schema") { try await Self.checkSchema(queries) },
            ] + checks
        let timeout = timeout
        let results = await withTaskGroup(of: (String, CheckResponse).self) { group in
            for check in all {
                group.addTask {
                    do {
                        try await withDeadline(timeout) { try await check.check() }
                        return (check.name, CheckResponse(ok: true, detail: nil))
                    } catch {
                        return (check.name, CheckResponse(ok: false, detail: "\(error)"))
                    }
                }
            }
            return await group.reduce(into: [String: CheckResponse]()) { $0[$1.0] = $1.1 }
        }
        let isReady = results.values.allSatisfy(\.ok)
        return try JSONResponse.make(
            ReadyResponse(status: isReady ? "ready" : "not ready", checks: results),
            status: isReady ? .ok : .serviceUnavailable)
    }

    private static func checkSchema(_ queries: StatusQueries) async throws {
        let needed = StorageMigrations.version
        var found: Int?
        do {
            found = try await queries.schemaVersion()
        } catch let error as PostgresError where error.sqlState == .undefinedTable {
            found = nil
        }
        guard let found, found >= needed else { throw SchemaTooOld(found: found ?? 0, needed: needed) }
    }
}

/// The database lacks migrations that this program needs.
private struct SchemaTooOld: Error, CustomStringConvertible {
    let found: Int
    let needed: Int

    var description: String { "The schema has version \(found), and \(needed) is needed. Run 'rosterline migrate'." }
}
