import FoundationEssentials
import Hummingbird
import Jobs
import Schedules
import Storage

/// What operators order about schedules, for programs.
struct ScheduleOrdersController: Sendable {
    let operations: StatusOperations

    func addRoutes(to group: StatusGroup) {
        group.post("{schedule}/run", use: run)
        group.post("{schedule}/pause", use: pause)
        group.post("{schedule}/resume", use: resume)
        group.get("{schedule}/backfill", use: plan)
        group.post("{schedule}/backfill", use: backfill)
    }

    private struct JobsAnswer: Encodable {
        let jobs: [String]
        let afterJob: String?
        /// Holds the key and is as good, so that nothing began.
        var keyHolder: String?
    }

    private struct PlanAnswer: Encodable {
        let count: Int
        /// Local times, in order.
        let occurrences: [String]
    }

    private struct StateAnswer: Encodable {
        let paused: Bool
    }

    private func run(_ request: Request, _ context: StatusContext) async throws -> Response {
        let (job, other, isKept) = try await ScheduleOrder.run(request, context, operations)
        if isKept {
            return try JSONResponse.make(JobsAnswer(jobs: [], afterJob: nil, keyHolder: job.description))
        }
        return try JSONResponse.make(
            JobsAnswer(jobs: [job.description], afterJob: other?.description), status: .accepted)
    }

    private func pause(_ request: Request, _ context: StatusContext) async throws -> Response {
        _ = try await ScheduleOrder.pause(request, context, operations)
        return try JSONResponse.make(StateAnswer(paused: true))
    }

    private func resume(_ request: Request, _ context: StatusContext) async throws -> Response {
        _ = try await ScheduleOrder.resume(request, context, operations)
        return try JSONResponse.make(StateAnswer(paused: false))
    }

    private func plan(_ request: Request, _ context: StatusContext) async throws -> Response {
        let plan = try await ScheduleOrder.plan(request, context, operations)
        return try JSONResponse.make(
            PlanAnswer(count: plan.occurrences.count, occurrences: plan.occurrences.map { "\($0.date) \($0.clock)" }))
    }

    private func backfill(_ request: Request, _ context: StatusContext) async throws -> Response {
        let jobs = try await ScheduleOrder.backfill(request, context, operations).jobs
        return try JSONResponse.make(
            JobsAnswer(jobs: jobs.map(\.description), afterJob: nil), status: .accepted)
    }
}
