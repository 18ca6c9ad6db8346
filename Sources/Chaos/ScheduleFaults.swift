import Foundation
import Jobs
import Postgres
import Schedules
import Storage

/// What may happen to schedulers.
enum ScheduleFaults {
    /// Schedules come due while their schedulers are killed: two of them, and then five.
    static let killing = Scenario(11, "schedulers killed while they fire") { trial in
        let isLong = trial.size == .long
        let schedules = isLong ? 1_000 : 40
        var integrations: [Int64] = []
        for index in 0..<schedules {
            integrations.append(try await trial.addIntegration("school\(index)", work: ToyWork(1...3)))
        }
        let planned = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 / 60).rounded(.down) * 60)
        try await addSchedules(trial, integrations, planned: planned)
        try await trial.startWorker("worker", slots: 8)
        var born = 0
        for count in [2, 5] {
            while await trial.processes.names.count(where: { $0.hasPrefix("scheduler") }) < count {
                born += 1
                try await trial.startScheduler("scheduler\(born)", settings: fast)
            }
            // Each comes due several times for the one occurrence that it has; it must fire once.
            for wave in 0..<(isLong ? 40 : 4) {
                try await makeDue(trial, planned: planned, every: 4, from: wave % 4)
                try await Task.sleep(for: isLong ? .milliseconds(1500) : .milliseconds(400))
                let names = await trial.processes.names.filter { $0.hasPrefix("scheduler") }
                try await trial.processes.kill(names[trial.random(0..<names.count)])
                trial.countFault()
                born += 1
                try await trial.startScheduler("scheduler\(born)", settings: fast)
            }
        }
        try await makeDue(trial, planned: planned, every: 1, from: 0)
        try await trial.wait("every schedule has fired", within: .seconds(60)) {
            try await trial.count("SELECT count(DISTINCT integration_id)::int FROM job") == schedules
        }
        try await trial.waitForEnd(within: .seconds(60))
        trial.remember(try await jobs(trial))
        let doubled = try await trial.count(
            "SELECT count(*)::int FROM (SELECT FROM job GROUP BY integration_id HAVING count(*) > 1) AS doubled")
        trial.expect(doubled == 0, "\(doubled) occurrences fired more than once")
    }

    private static let fast = ["SCHEDULER_INTERVAL_SECONDS": "0.1"]

    /// One schedule for each integration, with one occurrence in a year: the planned minute.
    private static func addSchedules(_ trial: ChaosTrial, _ integrations: [Int64], planned: Date) async throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.minute, .hour, .day, .month], from: planned)
        let fields = [parts.minute, parts.hour, parts.day, parts.month].map { "\($0 ?? 0)" }
        let cron = fields.joined(separator: " ") + " *"
        for integration in integrations {
            try await ScheduleStore(trial.pool).put(
                "nightly", integration: integration, kind: .rosterSync,
                definition: ScheduleDefinition(cron: cron, timeZone: "UTC"),
                next: .init(
                    planned: planned.addingTimeInterval(86_400 * 300), start: planned.addingTimeInterval(86_400 * 300)))
        }
    }

    private static func makeDue(_ trial: ChaosTrial, planned: Date, every step: Int, from first: Int) async throws {
        _ = try await trial.patiently {
            _ = try await trial.pool.execute(
                """
                UPDATE schedule SET next_at = \(planned), next_planned_at = \(planned)
                WHERE id % \(Int64(step)) = \(Int64(first))
                """
            )
        }
    }

    private static func jobs(_ trial: ChaosTrial) async throws -> [JobID] {
        try await trial.pool.query("SELECT id FROM job").map { JobID(try $0.decode("id", as: UUID.self)) }
    }
}
