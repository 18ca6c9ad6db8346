package import FoundationEssentials
package import Jobs

package enum JobPriority: Int16, Sendable { case manual = 10, nightly = 20, backfill = 30 }

package struct JobRequest: Sendable {
    package var kind: JobKind
    package var integration: Int64
    package var postedBy: String
    package var id: JobID
    package var priority: JobPriority
    package var runAfter: Date?
    package var afterJob: JobID?
    package init(
        kind: JobKind, integration: Int64, postedBy: String, id: JobID = .random(), priority: JobPriority = .manual,
        runAfter: Date? = nil, afterJob: JobID? = nil
    ) {
        self.kind = kind
        self.integration = integration
        self.postedBy = postedBy
        self.id = id
        self.priority = priority
        self.runAfter = runAfter
        self.afterJob = afterJob
    }
}

extension JobStore {
    package func begin(_ requests: [JobRequest]) async throws {
        for request in requests {
            _ = try await begin(
                request.kind, integration: request.integration, postedBy: request.postedBy, id: request.id)
        }
    }

    package func cancel(_ job: JobID, by: String, reason: String) async throws -> Bool { false }
}
