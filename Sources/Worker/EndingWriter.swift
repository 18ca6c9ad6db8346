import EventLoops
import FoundationEssentials
import Jobs
import Logging
import NIOConcurrencyHelpers
import Postgres
import Storage

/// Writes the ends of attempts: those that come while a statement is under way go together in the next one, so that a
/// busy worker's commits for each step are a fraction of one, and an idle worker's step waits for nobody.
///
/// While Postgres is away it goes on trying as long as a lease can still be ours. An ending that the database refuses
/// for what is in it is written apart from its neighbours, as a failure that says so: it harms none of them, and is not
/// tried until its lease runs out.
final class EndingWriter: Sendable {
    /// Endings of one statement, at most.
    static let batch = 1000

    private struct Pending {
        let ending: StepEnding
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var waiting: [Pending] = []
        var isWriting = false
    }

    private let state = NIOLockedValueBox(State())
    private let steps: StepStore
    private let loop: PollLoop
    private let patience: Duration
    private let finished: @Sendable ([StepLease]) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - loop: where the connections of `steps` live.
    ///   - patience: how long an ending is tried; the life of a lease.
    ///   - finished: is told, batch by batch, whose endings are written or can no longer be.
    init(
        steps: StepStore, loop: PollLoop, patience: Duration, logger: Logger,
        finished: @escaping @Sendable ([StepLease]) -> Void
    ) {
        self.steps = steps
        self.loop = loop
        self.patience = patience
        self.finished = finished
        self.logger = logger
    }

    /// Takes an ending over. A step of microseconds must not wait here: waking a thousand tasks costs more than what
    /// they have done.
    ///
    /// Cancellation does not reach it: the end of work that is done must not be lost to a shutdown.
    func write(_ ending: StepEnding) {
        let pending = Pending(ending: ending, deadline: ContinuousClock.now + patience)
        let begins = state.withLockedValue { state in
            state.waiting.append(pending)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        // A task of nobody's, so that nobody's cancellation stops it; it ends when nothing waits any more, and the
        // worker's end waits for `finished`.
        if begins { Task(executorPreference: loop) { await self.writeAll() } }
    }

    private func writeAll() async {
        while let batch = takeBatch() {
            await write(batch)
            finished(batch.map(\.ending.lease))
        }
    }

    private func takeBatch() -> [Pending]? {
        state.withLockedValue { state in
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            let batch = Array(state.waiting.prefix(Self.batch))
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }

    private func write(_ batch: [Pending]) async {
        var pause = Duration.milliseconds(100)
        var batch = batch
        var isSubstitute = false
        while true {
            do {
                let written = try await steps.end(batch.map(\.ending))
                for pending in batch where !written.contains(pending.ending.lease.step) { reportLost(pending.ending) }
                return
            } catch let error as PostgresError where !error.isTransient && batch.count > 1 {
                for pending in batch { await write([pending]) }
                return
            } catch let error as PostgresError where error.code == .server && !error.isTransient {
                guard let pending = batch.first else { return }
                guard !isSubstitute, let ending = StepEnding.refused(pending.ending, error) else {
                    return reportUnwritten(pending.ending, error)
                }
                logger.error(
                    "The database refused how a step ended; it ends as failed",
                    metadata: metadata(pending.ending).merging([JobsKeys.Log.error: "\(error)"]) { $1 })
                batch = [Pending(ending: ending, deadline: pending.deadline)]
                isSubstitute = true
            } catch {
                let limit = ContinuousClock.now + pause
                for pending in batch where pending.deadline <= limit { reportUnwritten(pending.ending, error) }
                batch.removeAll { $0.deadline <= limit }
                if batch.isEmpty { return }
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    private func reportLost(_ ending: StepEnding) {
        logger.warning("A step's lease was lost; its result was not written", metadata: metadata(ending))
    }

    private func reportUnwritten(_ ending: StepEnding, _ error: any Error) {
        var details = metadata(ending)
        details[JobsKeys.Log.error] = "\(error)"
        logger.error(
            "A step's end could not be written before its lease ran out; another worker takes it up", metadata: details)
    }

    private func metadata(_ ending: StepEnding) -> Logger.Metadata {
        [JobsKeys.Log.jobID: "\(ending.lease.step.job)", JobsKeys.Log.attempt: "\(ending.lease.token)"]
    }
}

extension StepEnding {
    /// What is written in the place of an ending that the database refused.
    fileprivate static func refused(_ ending: StepEnding, _ error: PostgresError) -> StepEnding? {
        var failed = StepEnding(ending.lease, from: ending.from, event: .fail, outcome: .failed)
        failed?.errorCode = "step.result_refused"
        failed?.errorMessage = """
            The database refused to store what this step ended with (SQLSTATE \(error.sqlState?.rawValue ?? "unknown")). \
            Look for that in the worker's log and report it; then run the step again.
            """
        return failed
    }
}
