import FoundationEssentials
import Testing

@testable import Simulators

/// The clock is a date that the test turns.
@Suite(.timeLimit(.minutes(5)))
struct CanvasImportStateMachineTests {
    private let start = Date(timeIntervalSince1970: 1_750_000_000)
    private let upload = CanvasImport.Upload(
        path: "/nowhere", fileName: "a.zip", fileExtension: "zip", bytes: 1, sha256: "00")

    private func at(_ seconds: Double) -> Date { start.addingTimeInterval(seconds) }

    private func machine(_ change: (inout CanvasSettings) -> Void = { _ in }) -> CanvasImportStateMachine {
        var settings = CanvasSettings()
        change(&settings)
        return CanvasImportStateMachine(settings: settings)
    }

    private func plan(_ chunks: [Int]) -> CanvasImportPlan {
        CanvasImportPlan(suppliedBatches: ["user"], rows: chunks.reduce(0, +), chunkRows: chunks)
    }

    private func message(isFailure: Bool) -> CanvasImportResult {
        var result = CanvasImportResult()
        result.messages = [.init(file: "users.csv", text: "no", row: 2, isFailure: isFailure)]
        return result
    }

    @Test func `one import runs at a time, the oldest first`() {
        var machine = machine()
        for second in 0..<3 {
            let id = machine.begin(.init(), now: at(Double(second)))
            machine.accept(id, upload: upload, now: at(Double(second)))
        }
        #expect(machine.nextAction(now: at(3)) == .open(1))
        #expect(machine.nextAction(now: at(4)) == .open(1))
        #expect(machine.imports.map(\.state) == [.importing, .created, .created])
        machine.opened(1, plan: plan([10]), attachments: [], now: at(5))
        #expect(machine.nextAction(now: at(5)) == .apply(1, chunk: 0))
        machine.applied(1, chunk: 0, now: at(5))
        #expect(machine.nextAction(now: at(5)) == .finish(1))
        machine.finished(1, result: .init(), now: at(6))
        #expect(machine.nextAction(now: at(6)) == .open(2))
    }

    @Test func `an initializing import neither runs nor blocks`() {
        var machine = machine()
        _ = machine.begin(.init(), now: at(0))
        #expect(machine.nextAction(now: at(1)) == .idle)
        let second = machine.begin(.init(), now: at(1))
        machine.accept(second, upload: upload, now: at(1))
        #expect(machine.nextAction(now: at(2)) == .open(second))
    }

    @Test func `progress grows by chunks, stops at 99, and is 100 after success only`() {
        var machine = machine()
        machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0))
        _ = machine.nextAction(now: at(0))
        machine.opened(1, plan: plan([100, 100, 100]), attachments: [], now: at(0))
        var seen: [Int] = []
        for chunk in 0..<3 {
            machine.applied(1, chunk: chunk, now: at(1))
            seen.append(machine[1]?.progress ?? -1)
        }
        #expect(seen == [33, 67, 99])
        machine.finished(1, result: .init(), now: at(2))
        #expect(machine[1]?.progress == 100)
        #expect(machine[1]?.state == .imported)
    }

    @Test func `up to 49 rows jump from 0 to 100`() {
        var machine = machine()
        machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0))
        _ = machine.nextAction(now: at(0))
        machine.opened(1, plan: plan([20, 29]), attachments: [], now: at(0))
        machine.applied(1, chunk: 0, now: at(0))
        #expect(machine[1]?.progress == 0)
        #expect(plan([49]).runsImmediately)
        #expect(!plan([50]).runsImmediately)
    }

    @Test func `messages decide the end state`() {
        let ends: [(CanvasImportResult, String?, CanvasImport.State, Int)] = [
            (.init(), nil, .imported, 100), (message(isFailure: false), nil, .importedWithMessages, 100),
            (message(isFailure: true), nil, .failedWithMessages, 50), (.init(), "crash", .failed, 50),
        ]
        for (result, crash, state, progress) in ends {
            var machine = machine()
            machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0))
            _ = machine.nextAction(now: at(0))
            machine.opened(1, plan: plan([100, 100]), attachments: [], now: at(0))
            machine.applied(1, chunk: 0, now: at(0))
            machine.finished(1, result: result, crash: crash, now: at(1))
            #expect(machine[1]?.state == state)
            #expect(machine[1]?.progress == progress)
        }
    }

    @Test func `a speed makes chunks due by the clock`() {
        var machine = machine { $0.rowsPerSecond = 100 }
        machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0))
        _ = machine.nextAction(now: at(0))
        machine.opened(1, plan: plan([100, 200]), attachments: [], now: at(0))
        #expect(machine.nextAction(now: at(0.5)) == .wait(until: at(1)))
        #expect(machine.nextAction(now: at(1)) == .apply(1, chunk: 0))
        machine.applied(1, chunk: 0, now: at(1))
        #expect(machine.nextAction(now: at(2.9)) == .wait(until: at(3)))
        #expect(machine.nextAction(now: at(3)) == .apply(1, chunk: 1))
    }

    @Test func `a new import waits for its delay`() {
        var machine = machine { $0.startDelay = .seconds(5) }
        machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0))
        #expect(machine.nextAction(now: at(1)) == .wait(until: at(5)))
        #expect(machine[1]?.state == .created)
        #expect(machine.nextAction(now: at(5)) == .open(1))
    }

    @Test func `a stuck import stands still until it is freed`() {
        var machine = machine()
        machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0))
        _ = machine.nextAction(now: at(0))
        machine.opened(1, plan: plan([100, 100, 100]), attachments: [], now: at(0))
        machine.applied(1, chunk: 0, now: at(0))
        machine.stuckAtPercent = 50
        #expect(machine.nextAction(now: at(9)) == .idle)
        #expect(machine[1]?.progress == 33)
        machine.stuckAtPercent = nil
        #expect(machine.nextAction(now: at(9)) == .apply(1, chunk: 1))
    }

    @Test func `after an abort of the running import the queue rests ten minutes`() {
        var machine = machine()
        for _ in 0..<2 { machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0)) }
        _ = machine.nextAction(now: at(0))
        let isAborted = machine.abort(1, now: at(1))
        #expect(isAborted)
        #expect(machine[1]?.state == .aborted)
        #expect(machine.nextAction(now: at(2)) == .wait(until: at(601)))
        let isAbortedAgain = machine.abort(1, now: at(3))
        #expect(!isAbortedAgain)
        #expect(machine.nextAction(now: at(601)) == .open(2))
    }

    @Test func `an abort of a pending import lets the others run on`() {
        var machine = machine()
        for _ in 0..<2 { machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0)) }
        _ = machine.abort(1, now: at(1))
        #expect(machine.nextAction(now: at(1)) == .open(2))
    }

    @Test func `abort all touches only what has not begun`() {
        var machine = machine()
        for _ in 0..<3 { machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0)) }
        _ = machine.begin(.init(), now: at(0))
        _ = machine.nextAction(now: at(0))
        machine.abortAllPending(now: at(1))
        #expect(machine.imports.map(\.state) == [.importing, .aborted, .aborted, .aborted])
        #expect(machine[2]?.progress == 100)
    }

    @Test func `what comes late for an aborted import changes nothing`() {
        var machine = machine()
        machine.accept(machine.begin(.init(), now: at(0)), upload: upload, now: at(0))
        _ = machine.nextAction(now: at(0))
        machine.opened(1, plan: plan([100]), attachments: [], now: at(0))
        _ = machine.abort(1, now: at(1))
        machine.applied(1, chunk: 0, now: at(2))
        machine.finished(1, result: .init(), now: at(2))
        #expect(machine[1]?.state == .aborted)
        #expect(machine[1]?.progress == 0)
    }

    @Test func `the throttle empties by ten a second and reserves for requests in flight`() {
        var bucket = ThrottleBucket(now: at(0))
        for _ in 0..<12 {
            let isLetIn = bucket.begin(now: at(0))
            #expect(isLetIn)
        }
        let isThirteenthLetIn = bucket.begin(now: at(0))
        #expect(!isThirteenthLetIn)
        bucket.end(cost: 1, now: at(0))
        #expect(bucket.remaining == 49)
        let isLetInLater = bucket.begin(now: at(1))
        #expect(isLetInLater)
    }
}
