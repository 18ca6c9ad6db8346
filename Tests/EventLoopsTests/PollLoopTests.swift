import EventLoops
import Glibc
import Testing

/// An actor pinned to a loop, as a client's connection is.
private actor Waiting {
    nonisolated let loop: PollLoop
    private(set) var count = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe loop.asUnowned
    }

    init(loop: PollLoop) {
        self.loop = loop
    }

    func readable(_ descriptor: Int32, within limit: Duration? = nil) async -> Readiness {
        await loop.wait(for: .readable, on: descriptor, until: limit.map { .now + $0 })
    }

    func writable(_ descriptor: Int32) async -> Readiness {
        await loop.wait(for: [.readable, .writable], on: descriptor)
    }

    func sleep(_ duration: Duration) async -> Readiness {
        await loop.sleep(until: .now + duration)
    }

    /// Waits, with the interruption already at hand as the loop's next job.
    func readableUntilInterrupted(_ descriptor: Int32) async -> Readiness {
        let interruption = Task { self.interrupt(descriptor) }
        defer { interruption.cancel() }
        return await loop.wait(for: .readable, on: descriptor, until: .now + .seconds(60))
    }

    func interrupt(_ descriptor: Int32) {
        loop.interrupt(descriptor: descriptor)
    }

    func increment() {
        loop.checkIsolated()
        count += 1
    }

    func thread() -> pthread_t { pthread_self() }

    func isOnLoop() -> Bool {
        loop.isIsolatingCurrentContext() == true
    }
}

/// A pipe, closed with its owner.
private final class Pipe: Sendable {
    let input: Int32
    let output: Int32

    init() {
        var ends: [Int32] = [0, 0]
        let status = unsafe pipe(&ends)
        precondition(status == 0, "pipe failed")
        (output, input) = (ends[0], ends[1])
    }

    func send() {
        let count = unsafe write(input, [1 as UInt8], 1)
        #expect(count == 1)
    }

    deinit {
        close(input)
        close(output)
    }
}

@Suite(.timeLimit(.minutes(5)))
struct PollLoopTests {
    let loop = PollLoop(name: "test-loop")
    private let pipe = Pipe()

    @Test func `an actor runs on its loop and nowhere else`() async {
        let actor = Waiting(loop: loop)
        #expect(await actor.isOnLoop())
        #expect(loop.isIsolatingCurrentContext() == false)
        loop.shutdown()
    }

    @Test func `a wait ends when the descriptor becomes readable`() async {
        let actor = Waiting(loop: loop)
        async let readiness = actor.readable(pipe.output)
        await actor.increment()
        pipe.send()
        #expect(await readiness == .ready(.readable))
        loop.shutdown()
    }

    @Test func `a wait of a task that prefers the loop begins before any other job of the loop runs`() async {
        let actor = Waiting(loop: loop)
        let output = pipe.output
        for _ in 0..<50 {
            let readiness = await withTaskExecutorPreference(loop) {
                await actor.readableUntilInterrupted(output)
            }
            #expect(readiness == .ready([]))
        }
        loop.shutdown()
    }

    @Test func `only what was found is reported`() async {
        #expect(await Waiting(loop: loop).writable(pipe.input) == .ready(.writable))
        loop.shutdown()
    }

    @Test func `a hang-up counts as readable`() async {
        let actor = Waiting(loop: loop)
        var ends: [Int32] = [0, 0]
        let status = unsafe Glibc.pipe(&ends)
        #expect(status == 0)
        close(ends[1])
        #expect(await actor.readable(ends[0]) == .ready(.readable))
        close(ends[0])
        loop.shutdown()
    }

    @Test func `a wait ends at its deadline, never before`() async {
        let start = ContinuousClock.now
        #expect(await Waiting(loop: loop).readable(pipe.output, within: .milliseconds(20)) == .timedOut)
        #expect(ContinuousClock.now - start >= .milliseconds(20))
        loop.shutdown()
    }

    @Test func `a sleep ends at its time`() async {
        let start = ContinuousClock.now
        #expect(await Waiting(loop: loop).sleep(.milliseconds(5)) == .timedOut)
        #expect(ContinuousClock.now - start >= .milliseconds(5))
        loop.shutdown()
    }

    @Test func `cancelling the task ends the wait`() async {
        let actor = Waiting(loop: loop)
        let output = pipe.output
        let task = Task { await actor.readable(output) }
        await actor.increment()
        task.cancel()
        #expect(await task.value == .cancelled)
        loop.shutdown()
    }

    @Test func `an interruption wakes an actor that waits for input`() async {
        let actor = Waiting(loop: loop)
        let output = pipe.output
        let task = Task { await actor.readable(output) }
        // The wait may not have begun yet: interrupt until it is over.
        let interrupter = Task {
            while !Task.isCancelled {
                await actor.interrupt(output)
                await Task.yield()
            }
        }
        #expect(await task.value == .ready([]))
        interrupter.cancel()
        loop.shutdown()
    }

    @Test func `a shutdown cancels waits, and actors still answer afterwards`() async {
        let actor = Waiting(loop: loop)
        let output = pipe.output
        let task = Task { await actor.readable(output) }
        loop.shutdown()
        #expect(await task.value == .cancelled)
        await actor.increment()
        #expect(await actor.count == 1)
        #expect(await actor.readable(output) == .cancelled)
    }

    @Test func `fifty actors on one loop, called from everywhere, lose no call`() async {
        let actors = (0..<50).map { _ in Waiting(loop: loop) }
        await withTaskGroup { group in
            for actor in actors {
                for _ in 0..<4 {
                    group.addTask { for _ in 0..<50 { await actor.increment() } }
                }
            }
        }
        for actor in actors { #expect(await actor.count == 200) }
        loop.shutdown()
    }

    @Test func `a task that prefers the loop stays on its thread, before an actor's answer and after it`() async {
        let actor = Waiting(loop: loop)
        let threads = await withTaskExecutorPreference(loop) {
            let before = await thread()
            let between = await actor.thread()
            async let child = thread()
            return [before, between, await child]
        }
        #expect(Set(threads).count == 1)
        #expect(await thread() != threads[0])
        loop.shutdown()
    }

    private nonisolated func thread() async -> pthread_t { pthread_self() }
}
