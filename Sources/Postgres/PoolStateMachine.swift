/// The decisions of a pool: who gets which connection, when to connect, whom to refuse. Events in, actions out; no
/// clock, no I/O.
///
/// Connections go to waiters in order of arrival. Idle ones are taken last in, first out, so that a pool that is larger
/// than its load lets the rest grow old and close. Connecting fails with full jitter in between; meanwhile callers wait
/// until their deadline, unless the failure is one that waiting cannot cure.
struct PoolStateMachine<Connection, Waiter> {
    struct Limits {
        /// Connections, ready or under way; 1 or more.
        var size: Int
        /// Waiting callers.
        var waiters: Int
        /// How long a caller waits.
        var acquireTimeout: Duration
        /// How long a connection stays unused.
        var idleTimeout: Duration
        var backoff = FullJitter(first: .milliseconds(200), limit: .seconds(10))
    }

    /// Names a caller that may have to wait.
    struct Ticket: Hashable {
        let number: UInt64
    }

    enum Action {
        case lease(Waiter, Connection)
        case refuse(Waiter, PostgresError)
        /// Connect, then report `connected` or `connectFailed`.
        case connect
        case close(Connection)
        /// Call `tick` at that time.
        case wake(at: ContinuousClock.Instant)
        /// Log that the server is out of reach; once for each outage.
        case reportLost(PostgresError)
        /// Log that it is back, after that time.
        case reportBack(after: Duration)
        /// All is closed.
        case finish
    }

    struct Waiting {
        let ticket: Ticket
        let waiter: Waiter
        let deadline: ContinuousClock.Instant
    }

    private let limits: Limits
    private var idle: [(connection: Connection, since: ContinuousClock.Instant)] = []
    private var waiting: [Waiting] = []
    private var leased = 0
    private var connecting = 0
    private var failuresInRow = 0
    private var lastFailure: PostgresError?
    private var outageStart: ContinuousClock.Instant?
    private var retryTime: ContinuousClock.Instant?
    private var wakeTime: ContinuousClock.Instant?
    private var nextTicket: UInt64 = 0
    private var reserved: [Ticket: Bool] = [:]
    private var isShutDown = false

    init(limits: Limits) {
        self.limits = limits
    }

    var idleCount: Int { idle.count }
    var leasedCount: Int { leased }
    var waitingCount: Int { waiting.count }

    /// The fast path: an idle connection, when nobody stands in line before.
    mutating func acquireIdle() -> Connection? {
        guard !isShutDown, waiting.isEmpty, let entry = idle.popLast() else { return nil }
        leased += 1
        return entry.connection
    }

    mutating func reserveTicket() -> Ticket {
        defer { nextTicket += 1 }
        let ticket = Ticket(number: nextTicket)
        reserved[ticket] = false
        return ticket
    }

    /// Begins the wait of a reserved ticket.
    mutating func acquire(_ waiter: Waiter, ticket: Ticket, now: ContinuousClock.Instant) -> [Action] {
        let wasCancelled = reserved.removeValue(forKey: ticket) ?? true
        if wasCancelled { return [.refuse(waiter, .cancelled("wait for a connection"))] }
        if isShutDown { return [.refuse(waiter, .closed("take a connection of the pool"))] }
        if let connection = acquireIdle() { return [.lease(waiter, connection)] }
        guard waiting.count < limits.waiters else { return [.refuse(waiter, queueFull)] }
        waiting.append(Waiting(ticket: ticket, waiter: waiter, deadline: now + limits.acquireTimeout))
        return connectIfNeeded(now: now) + schedule()
    }

    /// The caller no longer wants it; does nothing when it has its answer already.
    mutating func cancel(_ ticket: Ticket) -> [Action] {
        if reserved[ticket] != nil {
            reserved[ticket] = true
            return []
        }
        guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return [] }
        return [.refuse(waiting.remove(at: index).waiter, .cancelled("wait for a connection"))]
    }

    /// A lease has ended.
    /// - Parameter isUsable: false for a connection that broke or was closed.
    mutating func release(_ connection: Connection, isUsable: Bool, now: ContinuousClock.Instant) -> [Action] {
        leased -= 1
        guard isUsable, !isShutDown else {
            return [.close(connection)] + connectIfNeeded(now: now) + finishIfDone()
        }
        return give(connection, now: now)
    }

    mutating func connected(_ connection: Connection, now: ContinuousClock.Instant) -> [Action] {
        connecting -= 1
        failuresInRow = 0
        retryTime = nil
        lastFailure = nil
        var actions: [Action] = []
        if let start = outageStart {
            outageStart = nil
            actions.append(.reportBack(after: start.duration(to: now)))
        }
        if isShutDown { return actions + [.close(connection)] + finishIfDone() }
        return actions + give(connection, now: now) + connectIfNeeded(now: now)
    }

    /// - Parameter random: from 0 to 1, for the jitter.
    mutating func connectFailed(_ error: PostgresError, now: ContinuousClock.Instant, random: Double) -> [Action] {
        connecting -= 1
        failuresInRow += 1
        lastFailure = error
        if isShutDown { return finishIfDone() }
        var actions: [Action] = []
        if outageStart == nil {
            outageStart = now
            actions.append(.reportLost(error))
        }
        if !error.isTransient {
            actions += waiting.map { .refuse($0.waiter, error) }
            waiting = []
        }
        retryTime = now + limits.backoff.delay(attempt: failuresInRow, random: random)
        return actions + schedule()
    }

    /// Time has passed.
    mutating func tick(now: ContinuousClock.Instant) -> [Action] {
        if let time = wakeTime, time <= now { wakeTime = nil }
        var actions: [Action] = []
        while let first = waiting.first, first.deadline <= now {
            waiting.removeFirst()
            actions.append(.refuse(first.waiter, timedOut))
        }
        while let oldest = idle.first, oldest.since + limits.idleTimeout <= now {
            idle.removeFirst()
            actions.append(.close(oldest.connection))
        }
        return actions + connectIfNeeded(now: now) + schedule()
    }

    /// Refuses everybody who waits, closes what is idle, and finishes when the last lease has ended.
    mutating func shutDown() -> [Action] {
        guard !isShutDown else { return [] }
        isShutDown = true
        let refused = waiting.map { Action.refuse($0.waiter, .closed("wait for a connection of the pool")) }
        let closed = idle.map { Action.close($0.connection) }
        waiting = []
        idle = []
        return refused + closed + finishIfDone()
    }
}

extension PoolStateMachine {
    private mutating func give(_ connection: Connection, now: ContinuousClock.Instant) -> [Action] {
        guard !waiting.isEmpty else {
            idle.append((connection, now))
            return schedule()
        }
        leased += 1
        return [.lease(waiting.removeFirst().waiter, connection)]
    }

    /// As many as there are waiters without one under way; after a failure one at a time, and not before its delay is
    /// over.
    private mutating func connectIfNeeded(now: ContinuousClock.Instant) -> [Action] {
        guard !isShutDown else { return [] }
        if let retryTime, now < retryTime { return [] }
        retryTime = nil
        let room = limits.size - leased - idle.count - connecting
        let wanted = failuresInRow > 0 ? min(1, waiting.count) - connecting : waiting.count - connecting
        let count = max(0, min(room, wanted))
        connecting += count
        return Array(repeating: .connect, count: count)
    }

    /// Asks for a wake-up at the next time that matters, unless an earlier one is on its way.
    private mutating func schedule() -> [Action] {
        let retry = waiting.isEmpty ? nil : retryTime
        let times = [waiting.first?.deadline, idle.first.map { $0.since + limits.idleTimeout }, retry]
        guard !isShutDown, let next = times.compactMap({ $0 }).min() else { return [] }
        if let wakeTime, wakeTime <= next { return [] }
        wakeTime = next
        return [.wake(at: next)]
    }

    private func finishIfDone() -> [Action] {
        isShutDown && leased == 0 && connecting == 0 ? [.finish] : []
    }

    private var queueFull: PostgresError {
        PostgresError(
            .queueFull, operation: "wait for a connection",
            remedy: "\(limits.waiters) callers wait; ask for less at once.",
            isTransient: true)
    }

    private var timedOut: PostgresError {
        let remedy =
            lastFailure.map { "The server is out of reach: \($0)" }
            ?? "All \(limits.size) were busy for \(limits.acquireTimeout); enlarge the pool or shorten its use."
        return PostgresError(
            .acquireTimedOut, operation: "wait for a connection", remedy: remedy, sqlState: lastFailure?.sqlState,
            isTransient: true)
    }
}

extension PoolStateMachine: Sendable where Connection: Sendable, Waiter: Sendable {}
extension PoolStateMachine.Waiting: Sendable where Waiter: Sendable {}
