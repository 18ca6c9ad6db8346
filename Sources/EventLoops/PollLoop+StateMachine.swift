extension PollLoop {
    /// The decisions of a loop: jobs, waits, deadlines and readiness in; what to run, what to poll and whom to wake
    /// out.
    ///
    /// Pure: no descriptor, thread or clock is touched here. `Job` and `Waiter` are opaque, so a test can use numbers.
    ///
    /// Legal order of calls for a wait: `reserveTicket`, then `register` or `cancel` in either order; each waiter that
    /// goes in comes out exactly once. The loop alternates `nextStep` and, when that says so, `finishPoll`.
    struct StateMachine<Job, Waiter> {
        /// Names one wait; ascending in the order of reservation.
        struct Ticket: Hashable, Comparable, Sendable {
            let number: UInt64

            static func < (left: Ticket, right: Ticket) -> Bool {
                left.number < right.number
            }
        }

        /// A waiter and what it must be told.
        struct Wakeup {
            let waiter: Waiter
            let readiness: Readiness
        }

        /// One descriptor to poll.
        struct PollEntry: Equatable {
            let ticket: Ticket
            let descriptor: Int32
            let interest: Interest
        }

        /// What the loop's thread does next.
        enum Step {
            /// Run these jobs, in order, then ask again.
            case run([Job])
            /// Poll these until one is ready, the loop is woken or `timeout` has passed (nil: for ever; zero: only
            /// look).
            case poll([PollEntry], timeout: Duration?)
            /// End the thread.
            case stop
        }

        struct Wait {
            let ticket: Ticket
            let descriptor: Int32?
            let interest: Interest
            let deadline: ContinuousClock.Instant?
            let waiter: Waiter
        }

        private enum Phase {
            case running
            case stopping
            case stopped
        }

        private var phase = Phase.running
        private var jobs: [Job] = []
        // In the order of tickets, which `finishPoll` relies on.
        private var waits: [Wait] = []
        // Reserved and not yet registered; the value says whether the task was cancelled in between.
        private var reserved: [Ticket: Bool] = [:]
        private var nextTicketNumber: UInt64 = 0
        private var isAsleep = false
        private var batchesSinceLook = 0

        /// Batches of jobs that may run before the descriptors are looked at again: a look is a system call, and a task
        /// that goes from function to function is a batch each time.
        static var batchesBetweenLooks: Int { 16 }
    }
}

extension PollLoop.StateMachine {
    /// Takes a job; says whether the sleeping thread must be woken, or started again after a shutdown.
    mutating func enqueue(_ job: Job) -> PollLoop.Nudge {
        jobs.append(job)
        return nudge()
    }

    mutating func reserveTicket() -> Ticket {
        defer { nextTicketNumber += 1 }
        let ticket = Ticket(number: nextTicketNumber)
        reserved[ticket] = false
        return ticket
    }

    /// Begins the wait of a reserved ticket; a descriptor of nil waits for the deadline only.
    /// - Returns: a wake-up when the wait is over before it began, else whether to nudge the thread.
    mutating func register(
        _ waiter: Waiter, ticket: Ticket, descriptor: Int32?, interest: Interest, deadline: ContinuousClock.Instant?
    ) -> (wakeup: Wakeup?, nudge: PollLoop.Nudge) {
        let wasCancelled = reserved.removeValue(forKey: ticket) ?? true
        if wasCancelled || phase != .running {
            return (Wakeup(waiter: waiter, readiness: .cancelled), .none)
        }
        let wait = Wait(
            ticket: ticket, descriptor: descriptor, interest: interest, deadline: deadline, waiter: waiter)
        // Two tasks may reserve in one order and register in the other.
        let index = (waits.lastIndex { $0.ticket < ticket }).map { $0 + 1 } ?? 0
        waits.insert(wait, at: index)
        return (nil, nudge())
    }

    /// Ends a wait early, or remembers to do so when it is about to begin; does nothing once it is over.
    mutating func cancel(_ ticket: Ticket) -> Wakeup? {
        if reserved[ticket] != nil {
            reserved[ticket] = true
            return nil
        }
        guard let index = waits.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return Wakeup(waiter: waits.remove(at: index).waiter, readiness: .cancelled)
    }

    /// Ends all waits on a descriptor with `.ready([])`.
    mutating func interrupt(descriptor: Int32) -> [Wakeup] {
        removeWaits { $0.descriptor == descriptor ? .ready([]) : nil }
    }

    /// Ends all waits with `.cancelled` and lets the thread end once no job is left.
    mutating func shutdown() -> (wakeups: [Wakeup], nudge: PollLoop.Nudge) {
        guard phase == .running else { return ([], .none) }
        phase = .stopping
        return (removeWaits { _ in .cancelled }, nudge())
    }

    mutating func nextStep(now: ContinuousClock.Instant) -> Step {
        // Between batches of jobs the descriptors are looked at, so that actors which keep each other busy starve
        // nobody.
        if !jobs.isEmpty, batchesSinceLook < Self.batchesBetweenLooks || waits.isEmpty {
            batchesSinceLook = waits.isEmpty ? 0 : batchesSinceLook + 1
            defer { jobs = [] }
            return .run(jobs)
        }
        if jobs.isEmpty, phase != .running {
            phase = .stopped
            return .stop
        }
        let entries = waits.compactMap { wait in
            wait.descriptor.map { PollEntry(ticket: wait.ticket, descriptor: $0, interest: wait.interest) }
        }
        guard jobs.isEmpty else { return .poll(entries, timeout: .zero) }
        isAsleep = true
        // A loop: `compactMap(\.deadline).min()` makes a key path anew each time: a fifteenth of a busy worker's time.
        var earliest: ContinuousClock.Instant?
        for wait in waits {
            if let deadline = wait.deadline, deadline < earliest ?? deadline + .nanoseconds(1) { earliest = deadline }
        }
        return .poll(entries, timeout: earliest.map { max(now.duration(to: $0), .zero) })
    }

    /// Takes what poll found. `ready` holds the tickets found ready, ascending; unknown ones (cancelled meanwhile) are
    /// ignored.
    mutating func finishPoll(ready: [(ticket: Ticket, found: Interest)], now: ContinuousClock.Instant) -> [Wakeup] {
        isAsleep = false
        batchesSinceLook = 0
        var remaining = ready[...]
        return removeWaits { wait in
            while let first = remaining.first, first.ticket < wait.ticket { remaining = remaining.dropFirst() }
            if let first = remaining.first, first.ticket == wait.ticket { return .ready(first.found) }
            if let deadline = wait.deadline, deadline <= now { return .timedOut }
            return nil
        }
    }

    private mutating func nudge() -> PollLoop.Nudge {
        if phase == .stopped {
            phase = .stopping
            return .startThread
        }
        defer { isAsleep = false }
        return isAsleep ? .wakeThread : .none
    }

    private mutating func removeWaits(where ending: (Wait) -> Readiness?) -> [Wakeup] {
        var wakeups: [Wakeup] = []
        waits.removeAll { wait in
            guard let readiness = ending(wait) else { return false }
            wakeups.append(Wakeup(waiter: wait.waiter, readiness: readiness))
            return true
        }
        return wakeups
    }
}

extension PollLoop {
    /// What a caller from outside owes the loop's thread.
    enum Nudge: Equatable {
        case none
        case wakeThread
        case startThread
    }
}

extension PollLoop.StateMachine: Sendable where Job: Sendable, Waiter: Sendable {}
extension PollLoop.StateMachine.Wait: Sendable where Waiter: Sendable {}
extension PollLoop.StateMachine.Wakeup: Sendable where Waiter: Sendable {}
