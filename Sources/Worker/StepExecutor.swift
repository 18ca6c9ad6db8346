import FoundationEssentials
import Jobs
import Logging
import Metrics
import Storage

/// Runs one claimed step to its ending. It knows neither the broker nor what the step is about.
struct StepExecutor: Sendable {
    let handlers: [StepKind: any StepHandler]
    let steps: StepStore
    let board: ProgressBoard
    let running: RunningSteps
    let configuration: WorkerConfiguration
    let logger: Logger
    private let timers = StepTimers()

    /// Runs the attempt; cancelling the task interrupts it.
    ///
    /// - Returns: what is to be written, whatever happened.
    func run(_ claim: StepStore.Claim) async -> StepEnding? {
        board.open(claim.lease)
        defer { board.close(claim.lease) }
        let context = StepContext(
            lease: claim.lease, kind: claim.kind, job: claim.job, failures: claim.failures, rescues: claim.rescues,
            progress: StepProgress(board: board, lease: claim.lease), checkpoint: claim.checkpoint, checkpoints: steps,
            logger: logger)
        let begin = ContinuousClock.now
        if logger.logLevel <= .debug { context.logger.debug("A step began") }
        do {
            guard let handler = handlers[claim.kind] else {
                throw StepFailure(
                    .interrupted, code: "worker.kind",
                    message: "This worker does not run '\(claim.kind.rawValue)' steps.")
            }
            let outcome = try await handler.run(context)
            let ending = SettlementPolicy.ending(of: claim.lease, outcome: outcome)
            record(begin, claim.kind, ending)
            if logger.logLevel <= .info {
                context.logger.info("A step's attempt ended", metadata: metadata(ending, since: begin))
            }
            return ending
        } catch {
            let failure = Task.isCancelled ? interruption(of: claim.lease) : Self.failure(from: error)
            var generator = SystemRandomNumberGenerator()
            let ending = SettlementPolicy.ending(
                of: claim.lease, failure: failure, failures: claim.failures, throttles: claim.throttles,
                retries: configuration.retries, now: Date(), using: &generator)
            record(begin, claim.kind, ending)
            var details = metadata(ending, since: begin)
            details[JobsKeys.Log.code] = "\(failure.code)"
            details[JobsKeys.Log.error] = "\(failure.message)"
            context.logger.log(
                level: ending?.to == .failed ? .error : .warning, "A step's attempt failed", metadata: details)
            return ending
        }
    }

    /// What it means that the attempt's task was cancelled.
    private func interruption(of lease: StepLease) -> StepFailure {
        switch running.cause(of: lease) {
        case .cancelled:
            StepFailure(.cancelled, code: "job.cancelled", message: "The job was cancelled while the step ran.")
        case .leaseLost:
            StepFailure(.interrupted, code: "worker.lease", message: "The worker lost its hold on the step.")
        case .drain, nil:
            StepFailure(.interrupted, code: "worker.drain", message: "The worker stopped before the step was done.")
        }
    }

    private static func failure(from error: any Error) -> StepFailure {
        (error as? StepFailure)
            ?? StepFailure(.transient, code: "internal", message: "An unexpected error: \(error).")
    }

    private func metadata(_ ending: StepEnding?, since begin: ContinuousClock.Instant) -> Logger.Metadata {
        let seconds = Double(Int((ContinuousClock.now - begin) / .milliseconds(1))) / 1000
        return ["state": "\(ending?.to.rawValue ?? "unknown")", JobsKeys.Log.seconds: "\(seconds)"]
    }

    private func record(_ begin: ContinuousClock.Instant, _ kind: StepKind, _ ending: StepEnding?) {
        timers.timer(kind, ending?.outcome).recordNanoseconds(Int64((ContinuousClock.now - begin) / .nanoseconds(1)))
    }
}
