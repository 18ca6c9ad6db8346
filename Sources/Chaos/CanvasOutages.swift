import Foundation
import Jobs
import Postgres
import Simulators

/// What Canvas may do, with the product's own workers and poller.
enum CanvasOutages {
    /// Throttled, failing, stuck, going backwards, and refusing more rows than anybody reads.
    static let moods = Scenario(14, "Canvas throttles, fails, sticks, refuses") { trial in
        trial.expectNoEffects()
        let isLong = trial.size == .long
        var settings = CanvasSettings()
        settings.rowsPerSecond = isLong ? 20_000 : 10_000
        let canvas = try CanvasSimulator(settings: settings, logger: trial.stage.logger)
        let roster = trial.folder + "/roster.zip"
        _ = try SyntheticDistrict(people: isLong ? 2_000 : 300, enrolments: isLong ? 15_000 : 1_500).write(
            toZip: roster)
        try await canvas.whileServing { address in
            let integration = try await trial.addIntegration(
                "school",
                settings: IntegrationSettings(
                    source: .init(location: roster), canvas: .init(address: address, token: "env:CHAOS_TOKEN")))
            trial.allow(["completed", "warning"], for: integration)
            try await startProduct(trial)
            try await killed(trial, canvas, integration)
            try await throttled(trial, canvas, integration)
            try await stuck(trial, canvas, integration)
            try await refusing(trial, canvas, integration, rows: 200_000)
            let jobs = try await trial.count("SELECT count(*)::int FROM job")
            let posts = canvas.requests.filter { $0.method == "POST" && $0.importID != nil }
            trial.expect(posts.count == jobs, "Canvas accepted \(posts.count) imports of \(jobs) jobs")
            trial.expect(canvas.imports.count == jobs, "Canvas has \(canvas.imports.count) imports of \(jobs) jobs")
            try await trial.expectArtifacts()
            await trial.processes.killAll()
        }
    }

    private static func startProduct(_ trial: ChaosTrial) async throws {
        try await trial.startScheduler()
        try await startProductWorker(trial, "worker")
        try await startProductStatus(trial)
    }

    private static func startProductWorker(_ trial: ChaosTrial, _ name: String) async throws {
        try await trial.start(
            "worker", as: name,
            settings: settings(trial).merging([
                "IMPORT_SETTLE_SECONDS": "2", "WORKER_RETRY_SECONDS": "0.5",
                "WORKER_LEASE_SECONDS": trial.pace.safeLease.secondsText,
            ]) { $1 })
    }

    private static func settings(_ trial: ChaosTrial) -> [String: String] {
        [
            "ARTIFACTS_FOLDER": trial.folder + "/artifacts", "SCRATCH_FOLDER": trial.folder + "/scratch",
            "POLLING_INTERVAL_SECONDS": trial.size == .long ? "2" : "0.2", "STATUS_PORT": "0",
        ]
    }

    /// `kill -9` of the worker while it reads, converts and sends; two kills a round, as three are poison.
    private static func killed(_ trial: ChaosTrial, _ canvas: CanvasSimulator, _ integration: Int64) async throws {
        // Long enough that some die after Canvas has taken the import and before they know.
        canvas.faults.holdAnswerMilliseconds = 400
        let isLong = trial.size == .long
        var worker = "worker"
        for round in 1...(isLong ? 5 : 1) {
            try await trial.begin(isLong ? 8 : 4, integration, steps: JobKind.rosterSync.steps)
            for kill in 1...2 {
                try await trial.wait("a step runs", within: .seconds(60)) {
                    try await trial.count("SELECT count(*)::int FROM step WHERE state = 'running'") > 0
                }
                try await Task.sleep(for: .milliseconds(trial.random(0..<600)))
                let moment = Date()
                try await trial.processes.kill(worker)
                trial.countFault()
                try await trial.history.killed(worker, at: moment)
                worker = "worker-\(round)-\(kill)"
                try await startProductWorker(trial, worker)
            }
            try await trial.waitForEnd(within: .seconds(120))
        }
        let rescues = try await trial.count("SELECT coalesce(sum(rescues), 0)::int FROM step")
        trial.expect(rescues > 0 || !isLong, "no worker died with a step in its hands")
    }

    /// 429 with `Retry-After`, then a burst of 503: the import is late, and arrives once.
    private static func throttled(_ trial: ChaosTrial, _ canvas: CanvasSimulator, _ integration: Int64) async throws {
        for (status, count) in [(429, 3), (503, 4)] {
            canvas.faults = CanvasFaults()
            canvas.faults.failStatus = status
            canvas.faults.retryAfterSeconds = status == 429 ? 1 : nil
            canvas.faults.failNext = count
            trial.countFault(count)
            try await trial.begin(1, integration, steps: JobKind.rosterSync.steps)
            try await trial.waitForEnd(within: .seconds(60))
            trial.expect(canvas.faults.failNext == 0, "not all of the \(count) answers \(status) were asked for")
        }
    }

    /// An import that stands at 99 %, shows less than before, and ends when nobody looks.
    private static func stuck(_ trial: ChaosTrial, _ canvas: CanvasSimulator, _ integration: Int64) async throws {
        canvas.faults = CanvasFaults()
        canvas.faults.stuckAtPercent = 90
        canvas.faults.showPercent = 99
        trial.countFault(3)
        let job = try await trial.begin(1, integration, steps: JobKind.rosterSync.steps)[0]
        func percent() async throws -> Int {
            try await trial.count("SELECT percent::int FROM step WHERE job_id = \(job.uuid) AND ordinal = 3")
        }
        try await trial.wait("the step shows 99 %", within: .seconds(40)) { try await percent() == 99 }
        canvas.faults.showPercent = 40
        let polls = canvas.requests.count
        try await trial.wait("Canvas was asked again", within: .seconds(20)) { canvas.requests.count > polls + 2 }
        let shown = try await percent()
        trial.expect(shown == 99, "the step fell back to \(shown) %")
        // The poller is away while the import ends; it catches up.
        try await trial.processes.kill("status")
        canvas.faults = CanvasFaults()
        try await trial.wait("Canvas ends the import", within: .seconds(40)) {
            canvas.imports.allSatisfy { $0.state.isTerminal }
        }
        let running = try await trial.unfinished()
        trial.expect(running == 1, "the job ended though nobody could know")
        try await startProductStatus(trial)
        try await trial.waitForEnd(within: .seconds(40))
    }

    private static func startProductStatus(_ trial: ChaosTrial) async throws {
        try await trial.start("status", as: "status", settings: settings(trial))
    }

    /// More errors than fit anywhere: the job ends with a warning, and the poller stays small.
    private static func refusing(
        _ trial: ChaosTrial, _ canvas: CanvasSimulator, _ integration: Int64, rows: Int
    ) async throws {
        canvas.faults = CanvasFaults()
        canvas.faults.inventErrors = rows
        trial.countFault()
        let job = try await trial.begin(1, integration, steps: JobKind.rosterSync.steps)[0]
        try await trial.waitForEnd(within: .seconds(90))
        let warned = try await trial.count("SELECT count(*)::int FROM job WHERE id = \(job.uuid) AND state = 'warning'")
        trial.expect(warned == 1, "the job with \(rows) refused rows does not say so")
        guard let peak = await trial.processes.peakMebibytes(of: "status") else { return }
        trial.note("the poller took \(peak) MiB at most, with \(rows) refused rows")
        trial.expect(peak < 300, "the poller took \(peak) MiB")
    }
}

extension ChaosTrial {
    /// Each stored file has its row, and each row its file.
    func expectArtifacts() async throws {
        let rows = Set(
            try await pool.query("SELECT DISTINCT encode(sha256, 'hex') AS name FROM artifact").map {
                try $0.decode("name", as: String.self)
            })
        var files: Set<String> = []
        let root = folder + "/artifacts"
        for path in FileManager.default.subpaths(atPath: root) ?? [] {
            var isFolder = false
            guard FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isFolder), !isFolder else {
                continue
            }
            // Whoever was killed while it wrote has left that; the store sweeps it after a day.
            if path.hasPrefix("incoming/") { continue }
            // Two digits name the folder, the others the file.
            files.insert(path.filter { $0 != "/" })
        }
        for name in files.subtracting(rows) {
            expect(false, "\(HistoryChecker.Rule.artifact.rawValue): the file \(name) has no row")
        }
        for name in rows.subtracting(files) {
            expect(false, "\(HistoryChecker.Rule.artifact.rawValue): the file of \(name) is missing")
        }
    }
}
