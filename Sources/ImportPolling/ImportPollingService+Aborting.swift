import Canvas
import FoundationEssentials
import Jobs
import Logging
import Storage

/// Imports whose steps were cancelled.
extension ImportPollingService {
    /// Time between two orders to abort the same import, at most: a running import notices one at its next chunk.
    private static let pause = Duration.seconds(15)

    /// Asks Canvas to abort the import, and stops asking only once Canvas has said that it is over: whoever dies before
    /// that is followed by another poll.
    func abort(_ poll: ImportStore.Poll, since: Date) async throws {
        var found: SISImport?
        var retryAfter: Duration?
        let answer: AbortVerdict.Answer
        do {
            (answer, found) = try await orderAbort(poll)
        } catch let error as CanvasError {
            answer = .failed("\(error)")
            retryAfter = error.retryAfter
        } catch let error as StepFailure {
            answer = .failed(error.message)
        }
        let verdict = AbortVerdict.of(answer, id: poll.canvasID, since: since, now: Date())
        try await steps.reportCancelled(
            poll.lease, words: verdict.words, counts: found.map(ImportCounts.counts) ?? [:])
        try await write(verdict, answer, found, poll, retryAfter: retryAfter)
        logger.info(
            "A cancelled job's import was to be aborted",
            metadata: [
                JobsKeys.Log.jobID: "\(poll.lease.step.job)", "canvas.import": "\(poll.canvasID)",
                "answer": "\(verdict.words)",
            ])
    }

    /// - Returns: what Canvas said, and the import as it stands, if Canvas knows it.
    private func orderAbort(_ poll: ImportStore.Poll) async throws -> (AbortVerdict.Answer, SISImport?) {
        let canvas = try client(account(of: poll))
        do {
            let found = try await canvas.abortSISImport(poll.canvasID)
            return (.taken(found.state), found)
        } catch let error where error.code == .notFound {
            // It is over already, or Canvas has never heard of it: that is told by how it stands.
            do {
                let found = try await canvas.sisImport(poll.canvasID)
                return (.nothing(found.state), found)
            } catch let error where error.code == .notFound {
                return (.nothing(nil), nil)
            }
        }
    }

    private func write(
        _ verdict: AbortVerdict, _ answer: AbortVerdict.Answer, _ found: SISImport?, _ poll: ImportStore.Poll,
        retryAfter: Duration?
    ) async throws {
        switch verdict {
        case .done:
            guard let found else {
                return try await imports.polled(
                    poll, workflowState: answer == .nothing(nil) ? "gone" : poll.workflowState, progress: 0,
                    answer: "{}", nextPollAt: nil)
            }
            try await write(found, poll, next: nil)
        case .again:
            guard let found else {
                return try await imports.pollFailed(
                    poll, nextPollAt: retryAfter.map { Date().addingTimeInterval($0 / .seconds(1)) })
            }
            let next = min(configuration.interval, Self.pause)
            try await write(found, poll, next: Date().addingTimeInterval(next / .seconds(1)))
        }
    }
}

extension AbortVerdict {
    /// The sentence.
    var words: String {
        switch self {
        case .done(let words), .again(let words): words
        }
    }
}
