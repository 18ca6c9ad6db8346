import Broker
import FoundationEssentials
import Jobs
import LocalServers
import Postgres
import RabbitMQ

/// What may happen to RabbitMQ.
enum BrokerFaults {
    /// The broker is killed again and again, and is away while many jobs begin.
    static let outages = Scenario(4, "broker killed, broker down") { trial in
        let isLong = trial.size == .long
        let integration = try await trial.addIntegration(work: ToyWork(isLong ? 10...200 : 100...300))
        try await trial.startScheduler()
        try await trial.startWorkers(isLong ? 4 : 2, slots: 4)
        for _ in 0..<(isLong ? 3 : 1) {
            // More than they can do until the kill.
            try await trial.begin(isLong ? 3_500 : 60, integration)
            let some = try await trial.unfinished() - (isLong ? 500 : 10)
            try await trial.wait("jobs are being done", within: .seconds(60)) { try await trial.unfinished() < some }
            if isLong { try await Task.sleep(for: .seconds(trial.random(5..<16))) }
            let left = try await trial.unfinished()
            trial.expect(left > 0, "nothing was under way when the broker was killed")
            try await trial.stage.rabbitMQ.kill()
            trial.countFault()
            if isLong { try await trial.stage.rabbitMQ.restart() }
        }
        if isLong { try await trial.stage.rabbitMQ.kill() }
        trial.countFault()
        let chains = try await beginChains(trial, isLong ? 1_000 : 10, of: 5, integration)
        try await expectIdle(trial, for: isLong ? .seconds(300) : .seconds(3))
        try await trial.stage.rabbitMQ.restart()
        try await trial.waitForEnd(within: .seconds(isLong ? 300 : 60))
        let events = try await trial.history.events()
        for violation in HistoryChecker.disorder(of: chains, in: events).prefix(10) {
            trial.expect(false, violation.description)
        }
        trial.expect(
            trial.log(of: "scheduler", holds: "Broker connection lost; reconnecting")
                && trial.log(of: "scheduler", holds: "Broker connection is back"),
            "the scheduler's log has not both lines of the outage")
    }

    /// Jobs that follow one another, five to a key.
    private static func beginChains(
        _ trial: ChaosTrial, _ count: Int, of length: Int, _ integration: Int64
    ) async throws -> [[JobID]] {
        var chains = [[JobID]](repeating: [], count: count)
        for _ in 0..<length {
            let jobs = trial.drawJobs(count)
            trial.remember(jobs)
            try await trial.begin(
                zip(jobs, chains).map { job, chain in
                    JobRequest(
                        .rosterSync, integration: integration, postedBy: "chaos", id: job, afterJob: chain.last,
                        steps: [.extract])
                })
            for index in chains.indices { chains[index].append(jobs[index]) }
        }
        return chains
    }

    /// While the broker is away nobody is busy with that.
    private static func expectIdle(_ trial: ChaosTrial, for time: Duration) async throws {
        // What runs may end, and what was heard may be claimed.
        try await trial.wait("what runs has ended", within: .seconds(30)) {
            try await trial.count("SELECT count(*)::int FROM step WHERE state = 'running'") == 0
        }
        let names = await trial.processes.names
        var before: [String: Double] = [:]
        for name in names { before[name] = await trial.processes.processorSeconds(of: name) }
        // The short form runs beside other tests, looks for three seconds, and the kernel counts by hundredths.
        let limit: Double = trial.size == .long ? 5 : 20
        try await Task.sleep(for: time)
        for name in names {
            guard let first = before[name], let last = await trial.processes.processorSeconds(of: name) else {
                continue
            }
            let percent = (last - first) / (time / .seconds(1)) * 100
            trial.note("\(name) takes \(Double(Int(percent * 10)) / 10) % of a core while the broker is down")
            trial.expect(percent < limit, "\(name) takes \(percent) % of a core while the broker is down")
        }
    }

    /// A memory alarm stops publishers, and nobody else.
    static let alarm = Scenario(5, "memory alarm") { trial in
        let isLong = trial.size == .long
        let integration = try await trial.addIntegration(work: ToyWork(isLong ? 200...800 : 100...300))
        try await trial.startScheduler()
        try await trial.startWorkers(2, slots: 2)
        try await trial.begin(isLong ? 150 : 60, integration)
        // The doorbells are at the broker before it blocks, or nobody has anything to go on with.
        try await trial.wait("the jobs run", within: .seconds(60)) { try await completed(trial) > 0 }
        let calm = try await enqueueLatency(trial, integration)
        try await trial.stage.rabbitMQ.setMemoryAlarm(on: true)
        trial.countFault()
        let done = try await completed(trial)
        // The broker says so to whoever publishes next.
        try await trial.begin(1, integration)
        let told = try await trial.wait("the scheduler says that the broker blocks", within: .seconds(5)) {
            trial.log(of: "scheduler", holds: "The broker blocks publishing")
        }
        if let told { trial.note("the scheduler says so after \(told / .milliseconds(1)) ms") }
        let alarmed = try await enqueueLatency(trial, integration)
        trial.note("a job begins in \(Int(calm * 1000)) ms, under the alarm in \(Int(alarmed * 1000)) ms (medians)")
        trial.expect(
            alarmed < max(3 * calm, isLong ? 0.05 : 2),
            "a job begins in \(alarmed) s under the alarm, else in \(calm) s")
        try await trial.wait("consumers go on", within: .seconds(20)) { try await completed(trial) > done }
        if isLong { try await Task.sleep(for: .seconds(180)) }
        try await trial.stage.rabbitMQ.setMemoryAlarm(on: false)
        try await trial.waitForEnd(within: .seconds(60))
        trial.expect(
            trial.log(of: "scheduler", holds: "The broker takes messages again"), "nobody says that it is over")
    }

    /// The median of the seconds that 15 single enqueues take.
    private static func enqueueLatency(_ trial: ChaosTrial, _ integration: Int64) async throws -> Double {
        var seconds: [Double] = []
        for _ in 0..<15 {
            let begin = ContinuousClock.now
            try await trial.begin(1, integration)
            seconds.append((ContinuousClock.now - begin) / .seconds(1))
        }
        return seconds.sorted().percentile(0.5) ?? 0
    }

    private static func completed(_ trial: ChaosTrial) async throws -> Int {
        try await trial.count("SELECT count(*)::int FROM step WHERE state = 'completed'")
    }

    /// Things vanish, rights and passwords change; each is told within ten seconds, and mended where we may.
    static let topology = Scenario(6, "queue, exchange, rights, password gone") { trial in
        let broker = BrokerAccount(trial)
        try await broker.create()
        let integration = try await trial.addIntegration(work: ToyWork(10...50))
        try await trial.startScheduler()
        try await trial.startWorkers(2, slots: 4)
        try await trial.begin(20, integration)
        try await trial.waitForEnd(within: .seconds(30))
        let queue = trial.topology.queue(for: .extract)
        let exchange = trial.topology.stepExchange
        for (what, name) in [("queue", queue), ("exchange", exchange)] {
            try await RabbitMQAdministration.with(trial.broker) { administration in
                if what == "queue" {
                    _ = try await administration.delete(queue: name)
                } else {
                    try await administration.delete(exchange: name)
                }
            }
            try await trial.begin(10, integration)
            try await expectTold(trial, "the \(what) was deleted", "\(what) \(name) is missing")
            try await trial.waitForEnd(within: .seconds(30))
        }
        try await broker.revoke()
        try await trial.begin(10, integration)
        try await expectTold(trial, "the rights were revoked", "may not enter it", "may not write", "may not create")
        try await broker.grant()
        try await trial.waitForEnd(within: .seconds(40))
        // Each command to the broker takes seconds of a processor; the short form has had enough of them.
        if trial.size == .long {
            try await broker.change(password: "other")
            try await expectTold(trial, "the password was changed", "does not accept user and password")
            try await broker.change(password: BrokerAccount.password)
            try await trial.begin(10, integration)
            try await trial.waitForEnd(within: .seconds(40))
        }
        await trial.processes.killAll()
        try await broker.remove()
    }

    private static func expectTold(_ trial: ChaosTrial, _ what: String, _ words: String...) async throws {
        trial.countFault()
        let told = try await trial.wait("the scheduler says that \(what)", within: .seconds(10)) {
            words.contains { trial.log(of: "scheduler", holds: $0) }
        }
        if let told { trial.note("told after \(told / .milliseconds(1)) ms that \(what)") }
    }

    /// A step longer than the broker's patience with a delivery.
    static let patience = Scenario(7, "consumer_timeout shorter than a job") { trial in
        let isLong = trial.size == .long
        let (limit, tick, work) = isLong ? (60_000, 10_000, 300_000) : (8_000, 1_000, 12_000)
        let rabbitMQ = trial.stage.rabbitMQ
        try await setPatience(rabbitMQ, limit: limit, tick: tick)
        trial.countFault()
        let integration = try await trial.addIntegration(work: ToyWork(work...work))
        try await trial.startScheduler()
        try await trial.startWorkers(2, slots: 4, lease: trial.pace.safeLease)
        // More than there are slots: doorbells that wait inside a busy worker must not grow old there either.
        try await trial.begin(12, integration)
        try await trial.waitForEnd(within: .seconds(isLong ? 700 : 40))
        try await setPatience(rabbitMQ, limit: 1_800_000, tick: 60000)
        let figures = HistoryFigures(of: try await trial.history.events())
        trial.expect(figures.claims == 12, "12 steps were claimed \(figures.claims) times")
        let log = (try? String(contentsOfFile: rabbitMQ.log, encoding: .utf8)) ?? ""
        trial.expect(!log.contains("has timed out waiting for"), "the broker closed a channel for an old delivery")
    }

    /// Milliseconds until a delivery is too old, and between two looks for that; both for channels that are opened now.
    private static func setPatience(_ rabbitMQ: LocalRabbitMQ, limit: Int, tick: Int) async throws {
        let settings = [("consumer_timeout", limit), ("channel_tick_interval", tick)].map { name, value in
            "application:set_env(rabbit, \(name), \(value))"
        }
        try await rabbitMQ.ctl(["eval", settings.joined(separator: ", ") + "."])
    }
}
