import Testing

@testable import Postgres

@Suite(.timeLimit(.minutes(5)))
struct PoolStateMachineTests {
    typealias Machine = PoolStateMachine<Int, String>
    let start = ContinuousClock.now

    func machine(size: Int = 2, waiters: Int = 10) -> Machine {
        Machine(
            limits: .init(
                size: size, waiters: waiters, acquireTimeout: .seconds(30), idleTimeout: .seconds(600),
                backoff: FullJitter(first: .seconds(1), limit: .seconds(8))))
    }

    func acquire(_ waiter: String, from machine: inout Machine, after seconds: Int = 0) -> [String] {
        let ticket = machine.reserveTicket()
        return machine.acquire(waiter, ticket: ticket, now: start + .seconds(seconds)).map(text)
    }

    /// Short and comparable; times are seconds after the start.
    func text(_ action: Machine.Action) -> String {
        switch action {
        case .lease(let waiter, let connection): "lease \(connection) to \(waiter)"
        case .refuse(let waiter, let error): "refuse \(waiter): \(error.code)"
        case .connect: "connect"
        case .close(let connection): "close \(connection)"
        case .wake(let time): "wake \(Int(start.duration(to: time) / .seconds(1)))"
        case .reportLost: "lost"
        case .reportBack(let duration): "back \(Int(duration / .seconds(1)))"
        case .finish: "finish"
        }
    }

    func failure(isTransient: Bool = true) -> PostgresError {
        PostgresError(.connectionFailed, operation: "connect", remedy: "", isTransient: isTransient)
    }

    @Test func `a connection is made for each waiter, up to the size`() {
        var machine = machine()
        #expect(acquire("a", from: &machine) == ["connect", "wake 30"])
        #expect(acquire("b", from: &machine) == ["connect"])
        #expect(acquire("c", from: &machine) == [])
        #expect(machine.connected(1, now: start).map(text) == ["lease 1 to a"])
        #expect(machine.connected(2, now: start).map(text) == ["lease 2 to b"])
        #expect(machine.release(1, isUsable: true, now: start).map(text) == ["lease 1 to c"])
        #expect(machine.leasedCount == 2)
    }

    @Test func `the connection used last is taken first`() {
        var machine = machine()
        _ = acquire("a", from: &machine)
        _ = acquire("b", from: &machine)
        _ = machine.connected(1, now: start)
        _ = machine.connected(2, now: start)
        _ = machine.release(1, isUsable: true, now: start)
        _ = machine.release(2, isUsable: true, now: start)
        #expect(machine.acquireIdle() == 2)
        #expect(machine.acquireIdle() == 1)
        #expect(machine.acquireIdle() == nil)
    }

    @Test func `nobody overtakes those who wait`() {
        var machine = machine(size: 1)
        _ = acquire("a", from: &machine)
        _ = machine.connected(1, now: start)
        _ = acquire("b", from: &machine)
        #expect(machine.acquireIdle() == nil)
        #expect(machine.release(1, isUsable: true, now: start).map(text) == ["lease 1 to b"])
    }

    @Test func `a full queue refuses the next caller`() {
        var machine = machine(waiters: 1)
        _ = acquire("a", from: &machine)
        #expect(acquire("b", from: &machine) == ["refuse b: queueFull"])
    }

    @Test func `a caller waits no longer than it may`() {
        var machine = machine(size: 1)
        _ = acquire("a", from: &machine)
        _ = machine.connected(1, now: start)
        #expect(acquire("b", from: &machine, after: 5) == [])
        #expect(machine.tick(now: start + .seconds(30)).map(text) == ["wake 35"])
        #expect(machine.tick(now: start + .seconds(35)).map(text) == ["refuse b: acquireTimedOut"])
    }

    @Test func `a cancelled caller is refused, before or while it waits, and not after`() {
        var machine = machine(size: 1)
        let early = machine.reserveTicket()
        #expect(machine.cancel(early).isEmpty)
        #expect(machine.acquire("a", ticket: early, now: start).map(text) == ["refuse a: cancelled"])
        let waiting = machine.reserveTicket()
        _ = machine.acquire("b", ticket: waiting, now: start)
        #expect(machine.cancel(waiting).map(text) == ["refuse b: cancelled"])
        let served = machine.reserveTicket()
        _ = machine.acquire("c", ticket: served, now: start)
        _ = machine.connected(1, now: start)
        #expect(machine.cancel(served).isEmpty)
    }

    @Test func `a broken connection is closed and replaced for those who wait`() {
        var machine = machine(size: 1)
        _ = acquire("a", from: &machine)
        _ = machine.connected(1, now: start)
        _ = acquire("b", from: &machine)
        #expect(machine.release(1, isUsable: false, now: start).map(text) == ["close 1", "connect"])
        #expect(machine.connected(2, now: start).map(text) == ["lease 2 to b"])
    }

    @Test func `an outage is reported twice, and tried again with growing delays`() {
        var machine = machine()
        _ = acquire("a", from: &machine)
        #expect(machine.connectFailed(failure(), now: start, random: 1).map(text) == ["lost", "wake 1"])
        #expect(machine.tick(now: start + .seconds(1)).map(text).contains("connect"))
        let second = machine.connectFailed(failure(), now: start + .seconds(1), random: 1)
        #expect(second.map(text) == ["wake 3"])
        #expect(machine.tick(now: start + .seconds(2)).map(text) == [])
        #expect(machine.tick(now: start + .seconds(3)).map(text).contains("connect"))
        #expect(machine.connected(1, now: start + .seconds(4)).map(text).prefix(2) == ["back 4", "lease 1 to a"])
    }

    @Test func `while the server is out of reach, one connection at a time is tried`() {
        var machine = machine(size: 5)
        _ = acquire("a", from: &machine)
        _ = machine.connectFailed(failure(), now: start, random: 1)
        #expect(acquire("b", from: &machine) == [])
        #expect(machine.tick(now: start + .seconds(1)).map(text).filter { $0 == "connect" }.count == 1)
        #expect(machine.connected(1, now: start + .seconds(1)).map(text) == ["back 1", "lease 1 to a", "connect"])
    }

    @Test func `a failure that waiting cannot cure refuses all who wait`() {
        var machine = machine()
        _ = acquire("a", from: &machine)
        let actions = machine.connectFailed(failure(isTransient: false), now: start, random: 1)
        #expect(actions.map(text) == ["lost", "refuse a: connectionFailed"])
    }

    @Test func `unused connections close after a while, the oldest first`() {
        var machine = machine()
        _ = acquire("a", from: &machine)
        _ = acquire("b", from: &machine)
        _ = machine.connected(1, now: start)
        _ = machine.connected(2, now: start)
        _ = machine.release(1, isUsable: true, now: start)
        _ = machine.release(2, isUsable: true, now: start + .seconds(10))
        #expect(machine.tick(now: start + .seconds(600)).map(text) == ["close 1", "wake 610"])
        #expect(machine.tick(now: start + .seconds(610)).map(text) == ["close 2"])
    }

    @Test func `a shutdown refuses callers and finishes with the last lease`() {
        var machine = machine(size: 1)
        _ = acquire("a", from: &machine)
        _ = machine.connected(1, now: start)
        _ = acquire("b", from: &machine)
        #expect(machine.shutDown().map(text) == ["refuse b: closed"])
        #expect(acquire("c", from: &machine) == ["refuse c: closed"])
        #expect(machine.release(1, isUsable: true, now: start).map(text) == ["close 1", "finish"])
        #expect(machine.shutDown().isEmpty)
    }

    @Test func `a connection that comes after the shutdown is closed`() {
        var machine = machine()
        _ = acquire("a", from: &machine)
        #expect(machine.shutDown().map(text) == ["refuse a: closed"])
        #expect(machine.connected(1, now: start).map(text) == ["close 1", "finish"])
    }

    @Test(arguments: [(1, 1), (2, 2), (4, 8), (5, 8), (1000, 8)])
    func `full jitter doubles up to its limit`(attempt: Int, seconds: Int) {
        let jitter = FullJitter(first: .seconds(1), limit: .seconds(8))
        #expect(jitter.delay(attempt: attempt, random: 1) == .seconds(seconds))
        #expect(jitter.delay(attempt: attempt, random: 0) == .zero)
    }
}
