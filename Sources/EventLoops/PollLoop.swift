import CLinux
import Glibc
import NIOConcurrencyHelpers

/// One named thread that sleeps in poll(2), and the executor of actors that own a C handle and of tasks that talk to
/// them.
///
/// A C library's handle must be used by one thread at a time, and its calls may take long enough to starve the
/// cooperative pool. An actor whose `unownedExecutor` is a loop's runs there and nowhere else, so actor isolation is
/// the proof that the handle is used well:
///
/// ```swift
/// actor Connection {
///     nonisolated let loop: PollLoop
///     nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnowned }
/// }
/// ```
///
/// Such an actor must keep its loop alive (the executor is unowned) and must not block: it calls
/// ``wait(for:on:until:)`` wherever the C library would. Many actors share a loop; each blocks the others while it
/// computes.
///
/// A task that lives from one answer to the next runs on the loop of its connection, by
/// `withTaskExecutorPreference(_:operation:)`: then neither the question nor the answer wakes another thread, which
/// costs more than most statements. A task that does not prefer the loop leaves and enters it at each call of an actor
/// on it, so an actor's long ways prefer it too. What computes for long belongs elsewhere, as does what blocks.
///
/// Cost: one thread and one eventfd for each loop; each turn is linear in the waits, which is fine for some hundreds of
/// descriptors. Jobs enqueued on the loop's own thread cost no system call.
///
/// Tried and dropped: `DispatchSource` (cancel handlers bring the bookkeeping back, and the thread has no name of its
/// own), one thread for each connection (50 connections were 50 threads), `Synchronization.Mutex` (ThreadSanitizer does
/// not see it).
package final class PollLoop: SerialExecutor, TaskExecutor {
    /// The loop that the clients of a process share; never shut down.
    package static let shared = PollLoop(name: "loop")

    typealias Machine = StateMachine<UnownedJob, CheckedContinuation<Readiness, Never>>

    /// As `top -H` shows it, cut to 15 bytes there.
    package let name: String

    private struct State {
        var machine = Machine()
        var thread: pthread_t?
    }

    private let state = NIOLockedValueBox(State())
    private let wakeDescriptor: Int32

    /// Starts the thread, which keeps the loop alive until ``shutdown()``.
    /// - Precondition: the process may open one more descriptor and start one more thread.
    package init(name: String) {
        self.name = name
        wakeDescriptor = linux_eventfd()
        precondition(wakeDescriptor >= 0, "no eventfd for loop \(name): errno \(errno)")
        startThread()
    }

    deinit {
        close(wakeDescriptor)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        follow(state.withLockedValue { $0.machine.enqueue(job) })
    }

    /// This loop as the executor of an actor.
    package var asUnowned: UnownedSerialExecutor {
        unsafe asUnownedSerialExecutor()
    }

    /// Stops the program unless called on the loop's thread.
    package func checkIsolated() {
        precondition(isOnThread, "not on the thread of loop \(name)")
    }

    package func isIsolatingCurrentContext() -> Bool? {
        isOnThread
    }

    /// Suspends the caller until the descriptor is ready, the deadline has passed or the task is cancelled.
    ///
    /// The descriptor must stay open until the wait has ended; ``interrupt(descriptor:)`` ends it early. A caller
    /// pinned to this loop, in a task that prefers it, is registered before any other job of the loop runs.
    /// - Parameter deadline: nil waits for ever.
    package func wait(
        for interest: Interest, on descriptor: Int32, until deadline: ContinuousClock.Instant? = nil,
        isolation: isolated (any Actor)? = #isolation
    ) async -> Readiness {
        await wait(descriptor: descriptor, interest: interest, deadline: deadline, isolation: isolation)
    }

    /// Suspends the caller, with the precision of a millisecond, rounded up.
    /// - Returns: `.timedOut` when the time has come, `.cancelled` when the task was cancelled before.
    package func sleep(
        until deadline: ContinuousClock.Instant, isolation: isolated (any Actor)? = #isolation
    ) async -> Readiness {
        await wait(descriptor: nil, interest: [], deadline: deadline, isolation: isolation)
    }

    /// Resumes all waits on the descriptor with `.ready([])`, so that an actor that waits for input looks at its
    /// mailbox.
    ///
    /// Is not remembered: call it on this loop, as the waiting actor does, or a wait that is just about to begin misses
    /// it.
    package func interrupt(descriptor: Int32) {
        wake(state.withLockedValue { $0.machine.interrupt(descriptor: descriptor) })
    }

    /// Ends all waits with `.cancelled`, then the thread, once the jobs at hand have run.
    ///
    /// A job enqueued later starts the thread again for as long as it takes, so that no actor hangs; later waits are
    /// cancelled at once.
    package func shutdown() {
        let (wakeups, nudge) = state.withLockedValue { $0.machine.shutdown() }
        wake(wakeups)
        follow(nudge)
    }
}

extension PollLoop {
    private var isOnThread: Bool {
        state.withLockedValue { $0.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    private func wait(
        descriptor: Int32?, interest: Interest, deadline: ContinuousClock.Instant?, isolation: isolated (any Actor)?
    ) async -> Readiness {
        let ticket = state.withLockedValue { $0.machine.reserveTicket() }
        return await withTaskCancellationHandler {
            // Without this the closure would leave the actor before it registers, and others could come between.
            _ = isolation
            return await withCheckedContinuation(isolation: isolation) { continuation in
                let (wakeup, nudge) = state.withLockedValue {
                    $0.machine.register(
                        continuation, ticket: ticket, descriptor: descriptor, interest: interest, deadline: deadline)
                }
                if let wakeup { wake([wakeup]) }
                follow(nudge)
            }
        } onCancel: {
            if let wakeup = state.withLockedValue({ $0.machine.cancel(ticket) }) { wake([wakeup]) }
        }
    }

    private func wake(_ wakeups: [Machine.Wakeup]) {
        for wakeup in wakeups { wakeup.waiter.resume(returning: wakeup.readiness) }
    }

    private func follow(_ nudge: Nudge) {
        switch nudge {
        case .none: break
        case .wakeThread: addToWakeDescriptor()
        case .startThread: startThread()
        }
    }

    private func addToWakeDescriptor() {
        // Can only fail when the counter is full, and then the thread is awake anyway.
        linux_eventfd_add(wakeDescriptor)
    }

    private func startThread() {
        var thread = pthread_t()
        let loop = unsafe Unmanaged.passRetained(self).toOpaque()
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<PollLoop>.fromOpaque(argument).takeRetainedValue().runThread()
                return nil
            }, loop)
        precondition(status == 0, "no thread for loop \(name): error \(status)")
        pthread_detach(thread)
    }

    private func runThread() {
        unsafe name.withCString { unsafe linux_name_thread($0) }
        state.withLockedValue { $0.thread = pthread_self() }
        var descriptors: [pollfd] = []
        while true {
            let step = state.withLockedValue { state in
                let step = state.machine.nextStep(now: .now)
                // In the same critical section as the decision: the thread that a late job starts must not be
                // forgotten.
                if case .stop = step { state.thread = nil }
                return step
            }
            switch step {
            case .run(let jobs):
                for job in jobs {
                    unsafe job.runSynchronously(isolatedTo: asUnowned, taskExecutor: asUnownedTaskExecutor())
                }
            case .poll(let entries, let timeout):
                poll(entries, timeout: timeout, reusing: &descriptors)
            case .stop:
                return
            }
        }
    }

    private func poll(_ entries: [Machine.PollEntry], timeout: Duration?, reusing descriptors: inout [pollfd]) {
        descriptors.removeAll(keepingCapacity: true)
        descriptors.append(pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0))
        for entry in entries {
            descriptors.append(pollfd(fd: entry.descriptor, events: entry.interest.pollEvents, revents: 0))
        }
        // A signal ends poll early with -1; nothing is ready then, and the next turn polls again.
        let count = unsafe Glibc.poll(&descriptors, nfds_t(descriptors.count), timeout.milliseconds)
        var ready: [(ticket: Machine.Ticket, found: Interest)] = []
        if count > 0 {
            if descriptors[0].revents != 0 { linux_eventfd_clear(wakeDescriptor) }
            for (entry, descriptor) in zip(entries, descriptors.dropFirst()) where descriptor.revents != 0 {
                ready.append((entry.ticket, entry.interest.found(in: descriptor.revents)))
            }
        }
        wake(state.withLockedValue { $0.machine.finishPoll(ready: ready, now: .now) })
    }
}

extension Interest {
    fileprivate var pollEvents: Int16 {
        Int16((contains(.readable) ? POLLIN : 0) | (contains(.writable) ? POLLOUT : 0))
    }

    /// Errors and hang-ups count as ready for all that was asked.
    fileprivate func found(in events: Int16) -> Interest {
        if Int32(events) & (POLLERR | POLLHUP | POLLNVAL) != 0 { return self }
        var found: Interest = []
        if Int32(events) & POLLIN != 0 { found.insert(.readable) }
        if Int32(events) & POLLOUT != 0 { found.insert(.writable) }
        return found
    }
}

extension Optional where Wrapped == Duration {
    /// For poll(2): rounded up, so that a deadline has passed when poll returns; -1 is for ever.
    fileprivate var milliseconds: Int32 {
        guard let self else { return -1 }
        let (seconds, attoseconds) = self.components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return Int32(seconds) * 1000 + Int32((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
