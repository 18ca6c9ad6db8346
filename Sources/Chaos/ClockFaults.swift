import Foundation
import Jobs
import NIOConcurrencyHelpers
import Postgres
import Scheduler
import Schedules
import Storage

/// What may be wrong with clocks.
enum ClockFaults {
    /// Three schedulers, two of them ten minutes off, over nights on which clocks change: here on a clock of its own,
    /// in this process, so that months pass in a minute.
    static let skewed = Scenario(10, "skewed clocks on odd nights") { trial in
        let isLong = trial.size == .long
        // Noon in UTC is no time near a night's work in any of the zones.
        let begin = try date(isLong ? "2028-02-20T12:00:00Z" : "2028-03-24T12:00:00Z")
        let end = try date(isLong ? "2028-11-10T12:00:00Z" : "2028-04-03T12:00:00Z")
        var schedules: [Int64: TimeZone] = [:]
        for name in zones {
            guard let zone = TimeZone(identifier: name) else { continue }
            let slug = name.lowercased().map { $0.isLetter ? String($0) : "-" }.joined()
            let integration = try await trial.addIntegration(slug, work: ToyWork(0...0))
            schedules[try await addSchedule(trial, integration, zone, after: begin)] = zone
        }
        try await pass(trial, from: begin, to: end)
        for (schedule, zone) in schedules {
            try await expect(trial, schedule, nights(in: zone, from: begin, to: end), zone)
        }
    }

    /// Both hemispheres, half an hour of summer time, none at all, and a zone ahead of the date line.
    private static let zones = [
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata",
        "Pacific/Auckland",
    ]

    private static func date(_ text: String) throws -> Date {
        try Date(text, strategy: .iso8601)
    }

    /// 02:15 is in the hour that is missing or doubled in most of them.
    private static func addSchedule(
        _ trial: ChaosTrial, _ integration: Int64, _ zone: TimeZone, after begin: Date
    ) async throws -> Int64 {
        let first = nights(in: zone, from: begin, to: begin.addingTimeInterval(86_400))[0]
        try await ScheduleStore(trial.pool).put(
            "nightly", integration: integration, kind: .rosterSync,
            definition: ScheduleDefinition(cron: "15 2 * * *", timeZone: zone.identifier),
            next: .init(planned: first, start: first))
        return Int64(
            try await trial.count("SELECT id::int FROM schedule WHERE integration_id = \(integration)"))
    }

    /// The instants at which clocks first show 02:15 of a day; where they leave it out, the one at which they are put
    /// forward. Found by looking at the clock, not by the product's rules.
    private static func nights(in zone: TimeZone, from begin: Date, to end: Date) -> [Date] {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        var nights: [Date] = []
        var day = calendar.startOfDay(for: begin.addingTimeInterval(-86_400))
        while day < end {
            let shown = stride(from: 0.0, to: 5 * 3600, by: 900).lazy.map(day.addingTimeInterval).first { moment in
                let local = calendar.dateComponents([.hour, .minute], from: moment)
                return local.hour == 2 && local.minute == 15
            }
            let night = shown ?? zone.nextDaylightSavingTimeTransition(after: day) ?? day
            if night > begin, night < end { nights.append(night) }
            day = calendar.startOfDay(for: day.addingTimeInterval(30 * 3600))
        }
        return nights
    }

    /// Time goes by in half hours; now this scheduler looks and now that one, and sometimes none for hours.
    private static func pass(_ trial: ChaosTrial, from begin: Date, to end: Date) async throws {
        let clock = NIOLockedValueBox(begin)
        let schedulers = [-600.0, 0, 600].map { skew in
            SchedulerService(
                database: trial.pool, configuration: SchedulerConfiguration(),
                now: { clock.withLockedValue { $0.addingTimeInterval(skew) } }, logger: trial.stage.logger)
        }
        var now = begin
        while now < end.addingTimeInterval(3600) {
            let isOutage = trial.random(0..<40) == 0
            now = now.addingTimeInterval(isOutage ? 4.5 * 3600 : 1800)
            if isOutage { trial.countFault() }
            let moment = now
            clock.withLockedValue { $0 = moment }
            try await withThrowingTaskGroup(of: Void.self) { group in
                var looks = schedulers.filter { _ in trial.random(0..<2) == 0 }
                // All of them together are never silent for longer than the schedules make up for.
                if isOutage, looks.isEmpty { looks = [schedulers[1]] }
                for scheduler in looks { group.addTask { try await scheduler.tick() } }
                try await group.waitForAll()
            }
            // What the jobs do is not the matter here; they must be out of the way of the next.
            try await trial.pool.execute(
                "UPDATE job SET state = 'completed', finished_at = now() WHERE finished_at IS NULL")
            try await trial.pool.execute("DELETE FROM outbox")
        }
        clock.withLockedValue { $0 = end.addingTimeInterval(3600) }
        try await schedulers[1].tick()
        try await trial.pool.execute(
            "UPDATE job SET state = 'completed', finished_at = now() WHERE finished_at IS NULL")
        try await trial.pool.execute("DELETE FROM outbox")
        trial.countFault(2)
        trial.remember(
            try await trial.pool.query("SELECT id FROM job").map { JobID(try $0.decode("id", as: UUID.self)) })
    }

    /// One job for each night, and none besides, each planned for its very instant.
    private static func expect(
        _ trial: ChaosTrial, _ schedule: Int64, _ nights: [Date], _ zone: TimeZone
    ) async throws {
        let fired = try await trial.pool.query(
            """
            SELECT o.planned_at FROM occurrence o JOIN job j ON j.id = o.job_id
            WHERE o.schedule_id = \(schedule) AND o.outcome = 'started' ORDER BY o.planned_at
            """
        ).map { try $0.decode("planned_at", as: Date.self) }
        trial.expect(
            fired.count == nights.count, "\(zone.identifier): \(fired.count) firings in \(nights.count) nights")
        for (planned, night) in zip(fired, nights) where planned != night {
            trial.expect(false, "\(zone.identifier): planned for \(planned) instead of \(night)")
        }
    }
}
