internal import Foundation
internal import LocalServers
internal import Postgres

/// The measurements, one after the other; each contestant of a run meets the same servers.
struct JobsSession: Sendable {
    let scene: JobsScene
    let contestants: [Contestant]
    let jobs: Int
    let runs: Int
    let latencySeconds: Int
    let finished: Int
    let waiting: Int
    let schedules: Int

    private static let rate = 200

    /// Contestants take turns, run by run, so that what the machine does meanwhile hits all alike.
    func drain(_ report: inout JobsReport) async throws {
        for run in 1...runs {
            for contestant in contestants where contestant.canDrain {
                let count = contestant.share(of: jobs)
                let steal = StealTime()
                let found = try await Round.with(contestant, scene) { try await DrainMeasurement.run($0, count: count) }
                report.drains[contestant, default: []].append(found)
                say("drain \(run)/\(runs)  \(contestant.title): \(TextTable.cell(found.rate)) jobs/s", steal)
            }
        }
    }

    /// On a server of its own, since its counting needs a setting that the other measurements shall not have.
    func statements(_ report: inout JobsReport) async throws {
        let (contestants, count) = (contestants, min(jobs, 20_000))
        var found: [Contestant: Double] = [:]
        let settings = ["shared_preload_libraries": "pg_stat_statements"]
        try await JobsScene.with(peers: scene.peers, folder: scene.folder, settings: settings) { scene in
            for contestant in contestants where contestant.canDrain {
                let steal = StealTime()
                found[contestant] = try await Round.with(contestant, scene) { round in
                    try await round.pool.execute("CREATE EXTENSION pg_stat_statements")
                    let drain = try await DrainMeasurement.run(round, count: contestant.share(of: count)) {
                        try await round.pool.execute("SELECT pg_stat_statements_reset()")
                    }
                    return try await round.statements() / Double(drain.jobs)
                }
                say("statements  \(contestant.title): \(TextTable.cell(found[contestant])) for each job", steal)
            }
        }
        report.statements = found
    }

    func enqueue(_ report: inout JobsReport) async throws {
        for run in 1...runs {
            for contestant in contestants where contestant.canBegin {
                let count = contestant.share(of: jobs) / (contestant == .pika ? 20 : 1)
                let steal = StealTime()
                let seconds = try await Round.with(contestant, scene) { try await $0.enqueue(count) }
                report.enqueues[contestant, default: []].append(Double(count) / seconds)
                let rate = TextTable.cell(Double(count) / seconds)
                say("enqueue \(run)/\(runs)  \(contestant.title): \(rate) jobs/s", steal)
            }
        }
    }

    func latency(_ report: inout JobsReport) async throws {
        for run in 1...runs {
            for contestant in contestants where contestant.canBegin {
                let steal = StealTime()
                let answer = try await Round.with(contestant, scene) { round in
                    let dispatcher = try round.startDispatcher()
                    let worker = try round.startWorker(expecting: nil)
                    // Long enough for the slowest to connect.
                    try await Task.sleep(for: .seconds(contestant.isPeer ? 5 : 2))
                    let answer = try await round.latency(rate: Self.rate, seconds: latencySeconds)
                    try? await worker.kill()
                    try? await dispatcher?.kill()
                    return answer
                }
                report.latencies[contestant, default: []].append(answer)
                let cells = answer.end.map(TextTable.cell).joined(separator: "/")
                say("latency \(run)/\(runs)  \(contestant.title): p50/p99 \(cells) ms", steal)
            }
        }
    }

    func growth(_ report: inout JobsReport) async throws {
        for workers in [1, 2, 4, 8] {
            let steal = StealTime()
            let found = try await Round.with(.engine, scene) {
                try await DrainMeasurement.run($0, count: jobs, workers: workers)
            }
            report.growths.append(
                GrowthResult(name: "\(workers) worker process\(workers == 1 ? "" : "es")", drain: found))
            say("growth  \(workers) worker processes: \(TextTable.cell(found.rate)) jobs/s", steal)
        }
        for waiting in [min(10_000, waiting), waiting] {
            let steal = StealTime()
            let found = try await Round.with(.engine, scene) {
                try await DrainMeasurement.run($0, count: min(jobs, waiting), waiting: waiting)
            }
            report.growths.append(GrowthResult(name: "\(TextTable.cell(Double(waiting))) waiting", drain: found))
            say("growth  \(waiting) waiting: \(TextTable.cell(found.rate)) jobs/s", steal)
        }
        for finished in [0, finished] {
            let steal = StealTime()
            let (found, pages) = try await Round.with(.engine, scene) { round in
                try await FinishedJobs.add(finished, to: round.pool)
                let drain = try await DrainMeasurement.run(round, count: jobs)
                return (drain, try await ListPages.measure(round, finished: finished))
            }
            report.pages.append(pages)
            report.growths.append(GrowthResult(name: "\(TextTable.cell(Double(finished))) finished", drain: found))
            say("growth  \(finished) finished: \(TextTable.cell(found.rate)) jobs/s", steal)
        }
    }

    func schedules(_ report: inout JobsReport) async throws {
        for count in [max(100, schedules / 100), schedules] {
            let steal = StealTime()
            let found = try await Round.with(.engine, scene) { try await ScheduleTicks.measure($0, schedules: count) }
            report.ticks.append(found)
            say("schedules  \(count): nothing due \(TextTable.cell(found.idle)) ms", steal)
        }
    }

    /// What the host took meanwhile stands behind it: a number from such a minute is to be taken again.
    private func say(_ line: String, _ steal: StealTime) {
        let percent = Int((steal.share * 100).rounded())
        print(percent > 0 ? "\(line)  (\(percent) % of the processors stolen)" : line)
        fflush(nil)
    }
}
