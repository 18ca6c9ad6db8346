import FoundationEssentials

/// The queue of SIS imports of one root account: which one runs, how far it is, what happens next.
///
/// Pure: events and the time come in, an `Action` comes out, and whoever holds the machine carries the action out and
/// reports back. The legal order for one import is
///
///     begin → accept → (nextAction: .open) → opened → (.apply → applied)* → (.finish) → finished
///
/// with `abort` possible at any time before the end. One import runs at a time, the oldest first; `initializing` ones
/// neither run nor block. Chunks come due by the clock when a speed is set, so that a test or a demo can
/// watch an import that takes a minute, and kill whoever waits for it.
struct CanvasImportStateMachine: Sendable {
    enum Action: Sendable, Equatable {
        /// Look through the upload of this import, then call `opened`.
        case open(Int)
        /// Apply this chunk (counted from 0), then call `applied`.
        case apply(Int, chunk: Int)
        /// All chunks are applied: call `finished`.
        case finish(Int)
        /// Ask again at this time.
        case wait(until: Date)
        /// Ask again when something has happened.
        case idle
    }

    private let settings: CanvasSettings
    private(set) var imports: [CanvasImport] = []
    private var running: Int?
    private var chunksDone = 0
    private var rowsDone = 0
    private var restUntil = Date.distantPast
    /// The progress at which a running import stands still, or nothing.
    var stuckAtPercent: Int?

    init(settings: CanvasSettings) {
        self.settings = settings
    }

    subscript(_ id: Int) -> CanvasImport? {
        imports.indices.contains(id - 1) ? imports[id - 1] : nil
    }

    /// Makes the record of an import whose upload is not complete yet.
    mutating func begin(_ options: CanvasImportOptions, now: Date) -> Int {
        let id = imports.count + 1
        imports.append(CanvasImport(id: id, createdAt: now, updatedAt: now, state: .initializing, options: options))
        return id
    }

    /// Puts an import into the queue.
    ///
    /// - Returns: The import as it is at this moment, for the answer to the one who made it.
    @discardableResult
    mutating func accept(_ id: Int, upload: CanvasImport.Upload, now: Date) -> CanvasImport {
        change(id, now) {
            $0.upload = upload
            $0.state = .created
        }
        return imports[id - 1]
    }

    /// What is to be done at this time. Asking changes nothing but the start of the next import.
    mutating func nextAction(now: Date) -> Action {
        if let running { return nextStep(of: running, now: now) }
        guard let next = imports.first(where: { $0.state == .created }) else { return .idle }
        let due = max(restUntil, next.createdAt.addingTimeInterval(settings.startDelay.seconds))
        guard due <= now else { return .wait(until: due) }
        running = next.id
        chunksDone = 0
        rowsDone = 0
        change(next.id, now) {
            $0.state = .importing
            $0.startedAt = now
        }
        return .open(next.id)
    }

    private func nextStep(of id: Int, now: Date) -> Action {
        guard let current = self[id], let plan = current.plan, let started = current.startedAt else { return .open(id) }
        guard chunksDone < plan.chunkRows.count else { return .finish(id) }
        if let stuckAtPercent, progressAfter(chunksDone + 1, of: plan) > stuckAtPercent { return .idle }
        if let rate = settings.rowsPerSecond, rate > 0 {
            let due = started.addingTimeInterval(Double(rowsDone + plan.chunkRows[chunksDone]) / rate)
            guard due <= now else { return .wait(until: due) }
        }
        return .apply(id, chunk: chunksDone)
    }

    /// The files of an import have been looked through.
    mutating func opened(_ id: Int, plan: CanvasImportPlan, attachments: [CanvasImport.Attachment], now: Date) {
        guard self[id]?.state == .importing else { return }
        change(id, now) {
            $0.plan = plan
            $0.attachments = attachments
        }
    }

    /// A chunk has been applied.
    mutating func applied(_ id: Int, chunk: Int, now: Date) {
        guard running == id, let plan = self[id]?.plan, chunk == chunksDone else { return }
        chunksDone += 1
        rowsDone += plan.chunkRows[chunk]
        let progress = progressAfter(chunksDone, of: plan)
        change(id, now) { $0.progress = progress }
    }

    private func progressAfter(_ done: Int, of plan: CanvasImportPlan) -> Int {
        // An import that runs in one go jumps from 0 to 100.
        guard !plan.runsImmediately, !plan.chunkRows.isEmpty else { return 0 }
        return min(99, (100 * done + plan.chunkRows.count / 2) / plan.chunkRows.count)
    }

    /// All chunks have been applied, or the import has crashed.
    mutating func finished(_ id: Int, result: CanvasImportResult, crash: String? = nil, now: Date) {
        guard running == id, self[id]?.state == .importing else { return }
        running = nil
        change(id, now) {
            $0.result = result
            $0.crash = crash
            $0.endedAt = now
            if result.messages.contains(where: \.isFailure) {
                $0.state = .failedWithMessages
            } else if crash != nil {
                $0.state = .failed
            } else {
                $0.state = result.messages.isEmpty ? .imported : .importedWithMessages
                $0.progress = 100
            }
        }
    }

    /// The file of errors of a finished import has been written.
    mutating func attachErrors(_ id: Int, _ attachment: CanvasImport.Attachment) {
        guard imports.indices.contains(id - 1) else { return }
        imports[id - 1].errorsFile = attachment
    }

    /// Ends an import that has not ended yet; what it has applied stays applied.
    ///
    /// - Returns: False if there is no such import or it has ended.
    mutating func abort(_ id: Int, now: Date) -> Bool {
        guard let current = self[id], !current.state.isTerminal else { return false }
        if running == id {
            running = nil
            restUntil = now.addingTimeInterval(settings.restAfterAbort.seconds)
        }
        change(id, now) {
            $0.state = .aborted
            $0.endedAt = now
        }
        return true
    }

    /// Ends all imports that have not begun, and sets their progress to 100.
    mutating func abortAllPending(now: Date) {
        for pending in imports where pending.state == .initializing || pending.state == .created {
            change(pending.id, now) {
                $0.state = .aborted
                $0.progress = 100
                $0.endedAt = now
            }
        }
    }

    private mutating func change(_ id: Int, _ now: Date, _ body: (inout CanvasImport) -> Void) {
        guard imports.indices.contains(id - 1) else { return }
        body(&imports[id - 1])
        imports[id - 1].updatedAt = now
    }
}

extension Duration {
    /// As seconds, for the arithmetic of dates.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
