import Glibc
package import Jobs

/// Does toy work of one kind of step, under the real engine.
package struct ToyHandler: StepHandler {
    package let kind: StepKind
    private let history: HistoryStore

    /// - Parameter history: over connections of the handler's own, so that an effect is nothing the engine writes.
    package init(_ kind: StepKind, history: HistoryStore) {
        self.kind = kind
        self.history = history
    }

    /// - Throws: `StepFailure` of class `permanent` if the job is no toy's, `interrupted` if the lease is lost.
    package func run(_ context: StepContext) async throws -> StepOutcome {
        guard let settings = try? IntegrationSettings(decoding: context.job.settings),
            let work = ToyWork(location: settings.source.location)
        else {
            throw StepFailure(
                .permanent, code: "chaos.work", message: "The source of this job is no toy work; start it as one.")
        }
        let duration = work.duration(of: context.lease.step)
        if work.crashes {
            // The neighbours in this process shall have begun too.
            try await Task.sleep(for: duration)
            abort()
        }
        let begun = context.checkpoint.flatMap { Int($0) } ?? 0
        for part in begun..<max(begun, work.parts) {
            try await wait(duration / work.parts, isDeaf: work.isDeaf)
            context.progress.report(fraction: Double(part + 1) / Double(work.parts))
            if work.parts > 1 { try await context.save(checkpoint: "\(part + 1)") }
        }
        guard try await leaveEffect(under: context.lease, isDeaf: work.isDeaf) else {
            // The deaf one does not notice either, and hands in its result under a token of the past. A lease that ran
            // out and that nobody has taken can still be renewed: what was handed in under that would count.
            if work.isDeaf, try await isPast(context.lease) { return .completed(StepResult()) }
            throw StepFailure(.interrupted, code: "chaos.fenced", message: "The lease was lost before the effect.")
        }
        return .completed(StepResult(counts: ["toy.parts": Int64(work.parts)]))
    }

    private func leaveEffect(under lease: StepLease, isDeaf: Bool) async throws -> Bool {
        guard isDeaf else { return try await history.effect(under: lease) }
        // As in wait: the cancellation must not keep it from trying.
        return try await Task { try await history.effect(under: lease) }.value
    }

    private func isPast(_ lease: StepLease) async throws -> Bool {
        try await Task { try await history.isPast(lease) }.value
    }

    private func wait(_ duration: Duration, isDeaf: Bool) async throws {
        guard isDeaf else { return try await Task.sleep(for: duration) }
        // A task of its own, so that nobody's cancellation reaches it: that is the point. It ends by itself.
        await Task { try? await Task.sleep(for: duration) }.value
    }
}
