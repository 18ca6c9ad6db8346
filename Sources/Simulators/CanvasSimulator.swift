package import FoundationEssentials
import Glibc
import Hummingbird
package import Logging
import NIOConcurrencyHelpers
import NIOPosix

/// A Canvas that plays SIS imports as far as a roster sync can tell.
///
/// One root account with one queue of imports. Decisions are made in pure values: `CanvasImportStateMachine` (which
/// import runs, and how far it is), `CanvasImportWork` with `CanvasRowImporter` (what rows do to the `CanvasRoster`);
/// this class joins them to HTTP and to the clock. Uploads go to scratch files, which vanish with `run`.
/// Accounts, users, enrolments stay in memory and are lost when the process ends.
///
/// Not played: batch mode, diffing, stickiness, cross-listings, groups, admins, changes of ids. An import that asks for
/// one of them ends with a warning that says so.
///
/// Beside Canvas's own API there are addresses under `/_sim/`: `GET requests`, `imports`, `state`, `faults`;
/// `POST faults`; `DELETE faults`. They need no token, cost nothing, and are not logged.
package final class CanvasSimulator: Sendable {
    /// What requests and the queue share; held for moments only.
    struct Shared: Sendable {
        var machine: CanvasImportStateMachine
        var faults = CanvasFaults()
        var log: CanvasRequestLog
        var buckets: [String: ThrottleBucket] = [:]
    }

    /// What the queue's thread works on; held for as long as a chunk takes.
    struct Engine: Sendable {
        var roster = CanvasRoster()
        var work: CanvasImportWork?
    }

    package let settings: CanvasSettings
    let logger: Logger
    let now: @Sendable () -> Date
    let shared: NIOLockedValueBox<Shared>
    let engine = NIOLockedValueBox(Engine())
    let scratchFolder: String
    private let wakeUps: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// How long a running import is left alone before it is looked at again, at most: the delay with which it notices
    /// that it was aborted.
    private static let longestNap = 0.05

    /// - Parameter now: The clock; a test may turn it.
    /// - Throws: `SimulatorError` with `.fileSystem` if there is no room for scratch files.
    package init(
        settings: CanvasSettings = CanvasSettings(), logger: Logger,
        now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        self.settings = settings
        self.logger = logger
        self.now = now
        shared = NIOLockedValueBox(
            Shared(
                machine: CanvasImportStateMachine(settings: settings),
                log: CanvasRequestLog(limit: settings.loggedRequests)))
        scratchFolder = try FileSystem.createScratchFolder("canvas-simulator")
        (wakeUps, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    deinit {
        FileSystem.remove(scratchFolder)
    }

    /// Serves until the task is cancelled or its service group shuts down gracefully; to be called once.
    ///
    /// - Parameter onReady: Is told the port as soon as connections are taken.
    /// - Throws: `SimulatorError` with `.cannotListen`.
    package func run(onReady: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                try await SimulatorServer.run(makeRouter(), port: settings.port, logger: logger, onReady: onReady)
            }
            group.addTask { [self] in await runQueue() }
            defer {
                group.cancelAll()
                FileSystem.remove(scratchFolder)
            }
            try await group.next()
        }
    }

    /// Serves while a body runs.
    ///
    /// - Parameter body: Is handed the address, as `http://127.0.0.1:PORT`.
    package func whileServing<Result: Sendable>(
        _ body: @escaping @Sendable (String) async throws -> Result
    ) async throws -> Result {
        try await SimulatorServer.whileRunning({ [self] in try await run(onReady: $0) }, body)
    }

    /// What goes wrong on purpose from now on.
    package var faults: CanvasFaults {
        get { shared.withLockedValue(\.faults) }
        set {
            shared.withLockedValue {
                $0.faults = newValue
                $0.machine.stuckAtPercent = newValue.stuckAtPercent
            }
            wake.yield()
        }
    }

    /// All imports so far, the oldest first.
    package var imports: [CanvasImport] { shared.withLockedValue(\.machine.imports) }

    /// The requests that are remembered, the oldest first.
    package var requests: [CanvasRequestLog.Entry] { shared.withLockedValue(\.log.entries) }

    /// Tells the queue that there may be something to do.
    func wakeQueue() {
        wake.yield()
    }

    // MARK: The queue

    private func runQueue() async {
        var iterator = wakeUps.makeAsyncIterator()
        while !Task.isCancelled {
            let action = shared.withLockedValue { $0.machine.nextAction(now: now()) }
            switch action {
            case .idle:
                await iterator.next()
            case .wait(let due):
                let nap = min(max(due.timeIntervalSince(now()), 0.001), CanvasSimulator.longestNap)
                try? await Task.sleep(for: .seconds(nap))
            case .open(let id): await work(on: id) { try self.open(id) }
            case .apply(let id, let chunk): await work(on: id) { try self.apply(id, chunk: chunk) }
            case .finish(let id): await work(on: id) { try self.finish(id) }
            }
        }
    }

    /// Does a piece of work on a thread that may block; what it throws is the import's crash.
    private func work(on id: Int, _ body: @escaping @Sendable () throws -> Void) async {
        do {
            try await NIOThreadPool.singleton.runIfActive(body)
        } catch {
            logger.warning("A simulated import crashed", metadata: ["import.id": "\(id)", "error": "\(error)"])
            let result = engine.withLockedValue { engine in
                let result = engine.work?.result
                engine.work?.close()
                engine.work = nil
                return result
            }
            shared.withLockedValue {
                $0.machine.finished(id, result: result ?? .init(), crash: "\(error)", now: now())
            }
        }
    }

    private func open(_ id: Int) throws {
        let (record, crashes) = shared.withLockedValue { shared in
            let crashes = shared.faults.crashImports > 0
            if crashes { shared.faults.crashImports -= 1 }
            return (shared.machine[id], crashes)
        }
        guard let record, let upload = record.upload else { return }
        // What an aborted import left open is of no use to the next one.
        engine.withLockedValue { $0.work?.close() }
        if crashes {
            throw SimulatorError(
                .unreadableArchive, operation: "run import \(id)", remedy: "It crashed because a fault said so.")
        }
        let work = try CanvasImportWork(record, upload: upload, folder: "\(scratchFolder)/import-\(id)")
        engine.withLockedValue { $0.work = work }
        shared.withLockedValue {
            $0.machine.opened(id, plan: work.plan, attachments: work.attachments, now: now())
        }
    }

    private func apply(_ id: Int, chunk: Int) throws {
        try engine.withLockedValue { try $0.work?.apply(chunk: chunk, to: &$0.roster) }
        shared.withLockedValue { $0.machine.applied(id, chunk: chunk, now: now()) }
    }

    private func finish(_ id: Int) throws {
        var result = engine.withLockedValue { engine in
            let result = engine.work?.result ?? CanvasImportResult()
            engine.work?.close()
            engine.work = nil
            return result
        }
        result.messages += (0..<faults.inventErrors).map { row in
            .init(file: "users.csv", text: "The simulator was told to refuse this row", row: row + 2, isFailure: false)
        }
        let errors = try writeErrors(id, result.messages)
        shared.withLockedValue {
            if let errors { $0.machine.attachErrors(id, errors) }
            $0.machine.finished(id, result: result, now: now())
        }
        let expired = id - settings.importsWithFiles
        if expired > 0 {
            FileSystem.remove("\(scratchFolder)/import-\(expired)")
            FileSystem.remove("\(scratchFolder)/upload-\(expired)")
        }
    }

    private func writeErrors(_ id: Int, _ messages: [CanvasImport.Message]) throws -> CanvasImport.Attachment? {
        guard !messages.isEmpty else { return nil }
        try FileSystem.createFolder("\(scratchFolder)/import-\(id)")
        let name = "sis_errors_attachment_\(id).csv"
        let path = "\(scratchFolder)/import-\(id)/\(name)"
        let out = try BlockWriter(path: path)
        out.append("sis_import_id,file,message,row")
        try out.endRow()
        for message in messages {
            out.append(number: id)
            out.append(44)
            out.append(DistrictNames.field(message.file ?? ""))
            out.append(44)
            out.append(DistrictNames.field(message.text))
            out.append(44)
            if let row = message.row { out.append(number: row) }
            try out.endRow()
        }
        try out.flush()
        let fileID = CanvasImportWork.fileID(of: id, CanvasImportWork.errorsFileIndex)
        return CanvasImport.Attachment(id: fileID, name: name, path: path, bytes: out.bytesWritten)
    }
}
