package import Artifacts
package import Canvas
import FoundationEssentials
package import Jobs
package import Logging
import Metrics
package import Postgres
import ServiceLifecycle
import Storage

/// Asks Canvas about every import that a step waits for, and ends the step when Canvas has ended the import; asks
/// Canvas to abort those whose step was cancelled.
///
/// Any number may run: an import's next poll is set in the statement that takes it, so two never ask about the same,
/// and the imports of one that died are asked about an interval later.
package struct ImportPollingService: Service {
    /// Largest list of errors that is fetched, in bytes: a list of a million rows has some 150 MB.
    private static let errorListLimit: Int64 = 1 << 30

    let imports: ImportStore
    let steps: StepStore
    private let artifacts: any ArtifactStore
    let client: @Sendable (IntegrationSettings.CanvasAccount) throws -> CanvasClient
    let configuration: ImportPollingConfiguration
    let logger: Logger
    private let polls = Counter(label: "rosterline_canvas_polls_total")

    package init(
        database: PostgresPool, artifacts: any ArtifactStore,
        client: @escaping @Sendable (IntegrationSettings.CanvasAccount) throws -> CanvasClient,
        configuration: ImportPollingConfiguration, logger: Logger
    ) {
        imports = ImportStore(database)
        steps = StepStore(database)
        self.artifacts = artifacts
        self.client = client
        self.configuration = configuration
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var outage = Outage()
            while !Task.isCancelled {
                do {
                    while try await pollDue() == configuration.concurrency {}
                    if let seconds = outage.ended(at: Date()) {
                        logger.info("Polling goes on", metadata: [JobsKeys.Log.seconds: "\(seconds)"])
                    }
                } catch {
                    if !Task.isCancelled, outage.began(at: Date()) {
                        logger.warning("Polling cannot reach its tables", metadata: [JobsKeys.Log.error: "\(error)"])
                    }
                }
                try? await Task.sleep(for: configuration.look)
            }
        }
    }

    /// Asks about what is due.
    ///
    /// - Returns: how many imports were asked about.
    package func pollDue() async throws -> Int {
        let due = try await imports.takeDue(limit: configuration.concurrency, next: configuration.interval)
        let failures = await withTaskGroup(of: (any Error)?.self) { group in
            for poll in due {
                group.addTask {
                    do { try await ask(poll) } catch { return error }
                    return nil
                }
            }
            // Whatever befell one import, the others are asked about to the end.
            return await group.reduce(into: [any Error]()) { if let error = $1 { $0.append(error) } }
        }
        if let error = failures.first { throw error }
        return due.count
    }

    private func ask(_ poll: ImportStore.Poll) async throws {
        polls.increment()
        if case .abort(let since) = poll.wish { return try await abort(poll, since: since) }
        do {
            let account = try account(of: poll)
            let canvas = try client(account)
            let answer = try await canvas.sisImport(poll.canvasID)
            try await take(answer, for: poll, canvas: canvas)
        } catch let error as CanvasError {
            try await refused(error, poll)
        } catch let error as StepFailure {
            // The token or the settings cannot be read: a person must mend it, and asking again loses nothing.
            try await imports.pollFailed(poll, nextPollAt: nil)
            try await steps.reportWaiting(poll.lease, percent: 0, reason: error.message, counts: [:])
        }
    }

    func account(of poll: ImportStore.Poll) throws -> IntegrationSettings.CanvasAccount {
        do {
            return try IntegrationSettings(decoding: poll.settings).canvas
        } catch {
            // Never the decoder's own error: it would end the polls of everybody else in this round.
            throw StepFailure(
                .permanent, code: "settings.unreadable",
                message: "The settings that this job began with cannot be read by this version; upgrade the poller.")
        }
    }

    private func take(_ answer: SISImport, for poll: ImportStore.Poll, canvas: CanvasClient) async throws {
        let counts = ImportCounts.counts(of: answer)
        switch PollVerdict.of(answer, earlier: poll.workflowState) {
        case .goOn, .onceMore:
            let isEnded = answer.state.isTerminal
            let pause = isEnded ? min(configuration.interval, .seconds(5)) : configuration.interval
            try await write(answer, poll, next: Date().addingTimeInterval(pause / .seconds(1)))
            try await steps.reportWaiting(
                poll.lease, percent: min(99, max(0, answer.progress)), reason: ImportCounts.sentence(of: answer),
                counts: counts)
        case .end(let event, let code, let message):
            try await end(poll, answer, event: event, code: code, message: message, counts: counts, canvas: canvas)
        }
    }

    /// Ends the step, and only then stops polling: whoever dies in between is followed by another poll.
    private func end(
        _ poll: ImportStore.Poll, _ answer: SISImport, event: StepEvent, code: String?, message: String?,
        counts: [String: Int64], canvas: CanvasClient
    ) async throws {
        var result = StepResult(counts: counts, artifacts: try await errorList(answer, poll, canvas: canvas))
        result.reason = event == .fail ? nil : message
        var ending = StepEnding(
            poll.lease, from: .waiting, event: event, outcome: event == .fail ? .failed : .completed, result: result)
        ending?.errorCode = code
        ending?.errorMessage = event == .fail ? message : nil
        if let ending { _ = try await steps.end([ending]) }
        try await write(answer, poll, next: nil)
        logger.info(
            "Canvas ended an import",
            metadata: [
                JobsKeys.Log.jobID: "\(poll.lease.step.job)", "canvas.import": "\(poll.canvasID)",
                "state": "\(answer.state.name)",
            ])
    }

    func write(_ answer: SISImport, _ poll: ImportStore.Poll, next: Date?) async throws {
        try await imports.polled(
            poll, workflowState: answer.state.name, progress: min(100, max(0, answer.progress)),
            answer: ImportAnswer.json(of: answer), nextPollAt: next)
    }

    /// Canvas's list of refused rows, stored; without it the job's counts and messages still tell the story.
    private func errorList(
        _ answer: SISImport, _ poll: ImportStore.Poll, canvas: CanvasClient
    ) async throws -> [ArtifactRecord] {
        guard let attachment = answer.errorsAttachment else { return [] }
        let path = "\(configuration.scratch)/errors-\(poll.lease.step.job)-\(poll.canvasID).csv"
        try? FileManager.default.createDirectory(atPath: configuration.scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            _ = try await canvas.download(attachment, to: path, limit: Self.errorListLimit)
            let stored = try await artifacts.put(fileAt: path)
            return [
                ArtifactRecord(
                    name: ArtifactName.canvasErrors, mediaType: "text/csv; charset=utf-8", bytes: stored.bytes,
                    sha256: stored.sha256)
            ]
        } catch let error as CanvasError where !error.isTransient {
            logger.warning("Canvas's list of errors cannot be had", metadata: [JobsKeys.Log.error: "\(error)"])
            return []
        } catch let error as ArtifactError {
            throw StepFailure(.transient, code: "artifact.\(error.code.rawValue)", message: error.message)
        }
    }

    private func refused(_ error: CanvasError, _ poll: ImportStore.Poll) async throws {
        if error.code == .notFound, poll.failures >= 2 {
            var ending = StepEnding(poll.lease, from: .waiting, event: .fail, outcome: .failed)
            ending?.errorCode = "canvas.import_gone"
            ending?.errorMessage =
                "Canvas no longer knows SIS import \(poll.canvasID). Look for it in Canvas, then run the import again."
            if let ending { _ = try await steps.end([ending]) }
            return try await imports.polled(poll, workflowState: "gone", progress: 0, answer: "{}", nextPollAt: nil)
        }
        try await imports.pollFailed(
            poll, nextPollAt: error.retryAfter.map { Date().addingTimeInterval($0 / .seconds(1)) })
        try await steps.reportWaiting(
            poll.lease, percent: 0, reason: "Canvas did not answer the last poll (\(error)); it is asked again.",
            counts: [:])
        logger.warning(
            "A poll failed",
            metadata: [
                JobsKeys.Log.jobID: "\(poll.lease.step.job)", JobsKeys.Log.error: "\(error)",
                "canvas.import": "\(poll.canvasID)",
            ])
    }
}
