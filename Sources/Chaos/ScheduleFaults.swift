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
        var (born, waves, begun, hits) = (0, 0, 0, 0)
        for count in [2, 5] {
            while await trial.processes.names.count(where: { $0.hasPrefix("scheduler") }) < count {
                born += 1
                try await trial.startScheduler("scheduler\(born)", settings: fast)
            }
            for _ in 0..<(isLong ? 40 : 4) {
                // An occurrence that there was not before, for a fourth of them; it must fire once.
                let moment = planned.addingTimeInterval(-60 * Double(waves))
                let due = begun + (try await makeDue(trial, planned: moment, every: 4, from: waves % 4))
                waves += 1
                try await Task.sleep(for: .milliseconds(trial.random(0..<150)))
                let names = await trial.processes.names.filter { $0.hasPrefix("scheduler") }
                try await trial.processes.kill(names[trial.random(0..<names.count)])
                trial.countFault()
                let fired = try await trial.count("SELECT count(*)::int FROM job")
                if begun < fired, fired < due { hits += 1 }
                born += 1
                try await trial.startScheduler("scheduler\(born)", settings: fast)
                try await trial.wait("the wave has fired", within: .seconds(60)) {
                    try await trial.count("SELECT count(*)::int FROM job") >= due
                }
                // Or the next one would find its job under way, and skip.
                try await trial.waitForEnd(within: .seconds(60))
                begun = due
            }
        }
        // Once more, as if nobody had written down when they are due next: they have their rows.
        let last = planned.addingTimeInterval(-60 * Double(waves - 1))
        _ = try await makeDue(trial, planned: last, every: 4, from: (waves - 1) % 4)
        try await trial.wait("nothing is due", within: .seconds(60)) {
            try await trial.count("SELECT count(*)::int FROM schedule WHERE next_at <= now()") == 0
        }
        trial.remember(try await jobs(trial))
        let fired = try await trial.count("SELECT count(*)::int FROM job")
        trial.expect(fired == begun, "\(begun) occurrences came due, and \(fired) jobs began")
        trial.note("\(hits) kills fell between the first and the last firing of a wave")
        trial.expect(hits > 0 || !isLong, "no scheduler was killed while a wave fired")
    }

    private static let fast = ["SCHEDULER_INTERVAL_SECONDS": "0.1"]

    /// This minute and no other of the year.
    private static func cron(_ planned: Date) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.minute, .hour, .day, .month], from: planned)
        return [parts.minute, parts.hour, parts.day, parts.month].map { "\($0 ?? 0)" }.joined(separator: " ") + " *"
    }

    /// One schedule for each integration.
    private static func addSchedules(_ trial: ChaosTrial, _ integrations: [Int64], planned: Date) async throws {
        for integration in integrations {
            try await ScheduleStore(trial.pool).put(
                "nightly", integration: integration, kind: .rosterSync,
                definition: ScheduleDefinition(cron: cron(planned), timeZone: "UTC"),
                next: .init(
                    planned: planned.addingTimeInterval(86_400 * 300), start: planned.addingTimeInterval(86_400 * 300)))
        }
    }

    /// - Returns: how many.
    private static func makeDue(
        _ trial: ChaosTrial, planned: Date, every step: Int, from first: Int
    ) async throws -> Int {
        try await trial.patiently {
            try await trial.pool.execute(
                """
                UPDATE schedule SET cron = \(cron(planned)), next_at = \(planned), next_planned_at = \(planned)
                WHERE id % \(Int64(step)) = \(Int64(first))
                """
            )
        }
    }

    private static func jobs(_ trial: ChaosTrial) async throws -> [JobID] {
        try await trial.pool.query("SELECT id FROM job").map { JobID(try $0.decode("id", as: UUID.self)) }
    }
}
