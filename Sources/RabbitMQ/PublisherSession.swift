import EventLoops

/// The publisher's side of one connection.
///
/// Publishing and reading take turns on the session's own thread: a batch is written in bursts of 64 corked messages,
/// and after each burst the confirms that have come are read, so neither side's buffers can fill up while both only
/// write.
actor PublisherSession: RabbitMQSession {
    private static let burst = 64
    private static let eventsPerTurn = 1024

    nonisolated let loop: PollLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnowned }
    nonisolated let guardian = SocketGuard()

    private let configuration: RabbitMQConfiguration
    private let limits: RabbitMQPublisherLimits
    private let onBlocked: @Sendable (_ reason: String?) -> Void
    private let onFailure: @Sendable () -> Void
    private var handle: RabbitMQHandle
    private var confirms: ConfirmStateMachine
    private var tickets: [Int: Promise<[PublishOutcome]>] = [:]
    // Publishers that wait until there is room in the window and no alarm.
    private var waiters: [Promise<Void>] = []
    private var blockedSince: ContinuousClock.Instant?
    // What waited through an alarm gets the whole time for its confirm again.
    private var unblockedAt: ContinuousClock.Instant?
    private var failure: RabbitMQError?

    init(
        configuration: RabbitMQConfiguration, limits: RabbitMQPublisherLimits, loop: PollLoop,
        onBlocked: @escaping @Sendable (_ reason: String?) -> Void, onFailure: @escaping @Sendable () -> Void
    ) {
        self.configuration = configuration
        self.limits = limits
        self.loop = loop
        handle = RabbitMQHandle(configuration: configuration, guardian: guardian)
        self.onBlocked = onBlocked
        self.onFailure = onFailure
        confirms = ConfirmStateMachine(window: limits.window)
    }

    var unconfirmed: Int { confirms.unconfirmed }

    func open() throws(RabbitMQError) -> RabbitMQConfiguration.Host? {
        handle = try RabbitMQHandle.connect(configuration, guardian: guardian)
        try handle.selectConfirms()
        return handle.host
    }

    func run() async -> RabbitMQError? {
        let descriptor = handle.descriptor
        while failure == nil {
            while readTurn() { await Task.yield() }
            checkTimeouts()
            if failure != nil { break }
            let readiness = await loop.wait(for: .readable, on: descriptor, until: nextDeadline())
            if readiness == .cancelled {
                fail(RabbitMQError(.closed, operation: "publish"))
                return nil
            }
        }
        return failure
    }

    /// Ends the connection, so that the next one is opened with a fresh channel.
    func renew() {
        fail(
            RabbitMQError(
                .channelClosed, operation: "publish",
                remedy: "The broker refused every message; a fresh channel is tried. If that goes on, a queue is full.")
        )
    }

    func close() {
        guard failure?.code == .closed else { return }
        guardian.allow(until: .now + configuration.connectTimeout)
        handle.close()
        guardian.allow(until: nil)
    }

    /// Sends the messages and keeps the promise once each has its outcome.
    ///
    /// - Returns: false, with nothing sent, when the session has failed already.
    /// - Throws: `.blocked`, with nothing sent, or `CancellationError`.
    func publish(_ messages: [RabbitMQMessage], promise: Promise<[PublishOutcome]>) async throws -> Bool {
        if isBlockedForLong { throw RabbitMQError(.blocked, operation: "publish") }
        if failure != nil { return false }
        let batch = confirms.open(messages)
        tickets[batch] = promise
        var next = 0
        while next < messages.count, failure == nil, tickets[batch] != nil {
            let count = min(confirms.room, Self.burst, messages.count - next)
            guard count > 0, blockedSince == nil else {
                try await waitForRoom(batch: batch)
                continue
            }
            send(messages[next..<next + count], batch: batch, from: next)
            next += count
            _ = readTurn()
        }
        return true
    }

    private func waitForRoom(batch: Int) async throws {
        let waiter = Promise<Void>()
        waiters.append(waiter)
        do {
            try await waiter.value()
        } catch {
            confirms.forget(batch: batch)
            tickets[batch] = nil
            throw error
        }
    }

    private func send(_ messages: ArraySlice<RabbitMQMessage>, batch: Int, from first: Int) {
        let now = ContinuousClock.now
        guardian.allow(until: now + limits.blockedTimeout)
        defer { guardian.allow(until: nil) }
        if messages.count > 1 { handle.setCorked(true) }
        do throws(RabbitMQError) {
            for (offset, message) in messages.enumerated() {
                confirms.sent(batch: batch, index: first + offset, at: now)
                try handle.publish(message)
            }
        } catch {
            fail(error)
            return
        }
        if messages.count > 1 { handle.setCorked(false) }
    }
}

extension PublisherSession {
    /// Reads what has come; true when there may be more.
    private func readTurn() -> Bool {
        guardian.allow(until: .now + limits.blockedTimeout)
        defer { guardian.allow(until: nil) }
        var count = 0
        do throws(RabbitMQError) {
            while failure == nil, count < Self.eventsPerTurn, let event = try handle.nextEvent() {
                take(event)
                count += 1
            }
        } catch {
            fail(guardian.wasOverdue ? RabbitMQError(.hung, operation: "publish", detail: error.detail) : error)
        }
        if confirms.room > 0, blockedSince == nil { releaseWaiters() }
        return count == Self.eventsPerTurn && failure == nil
    }

    private func take(_ event: RabbitMQEvent) {
        switch event {
        case .confirm(let tag, let multiple, let isAccepted):
            complete(confirms.confirm(tag: tag, multiple: multiple, isAccepted: isAccepted))
        case .returned(let returned):
            confirms.comesBack(returned)
        case .blocked(let reason):
            blockedSince = blockedSince ?? .now
            onBlocked(reason)
        case .unblocked:
            blockedSince = nil
            unblockedAt = .now
            onBlocked(nil)
        case .delivery, .consumerCancelled:
            break
        }
    }

    private func nextDeadline() -> ContinuousClock.Instant {
        // The library sends a heartbeat only when asked to read, and only when one is due.
        var deadline = ContinuousClock.now + max(.milliseconds(300), configuration.heartbeat / 3)
        if let blockedSince {
            let end = blockedSince + limits.blockedTimeout
            if end > .now { deadline = min(deadline, end) }
        } else if let confirmDeadline {
            deadline = min(deadline, confirmDeadline)
        }
        return deadline
    }

    private var confirmDeadline: ContinuousClock.Instant? {
        guard let oldest = confirms.oldestSentAt else { return nil }
        return max(oldest, unblockedAt ?? oldest) + limits.confirmTimeout
    }

    private var isBlockedForLong: Bool {
        blockedSince.map { $0 + limits.blockedTimeout <= .now } ?? false
    }

    private func checkTimeouts() {
        if isBlockedForLong {
            // The connection is as good as any other, so it stays; only the publishers stop waiting.
            complete(confirms.abandon(RabbitMQError(.blocked, operation: "publish")))
            releaseWaiters()
        } else if blockedSince == nil, let confirmDeadline, confirmDeadline <= .now {
            fail(RabbitMQError(.confirmTimedOut, operation: "publish"))
        }
    }

    private func complete(_ completions: [ConfirmStateMachine.Completion]) {
        for completion in completions {
            tickets.removeValue(forKey: completion.batch)?.succeed(completion.outcomes)
        }
    }

    private func releaseWaiters() {
        guard !waiters.isEmpty else { return }
        for waiter in waiters { waiter.succeed(()) }
        waiters = []
    }

    private func fail(_ error: RabbitMQError) {
        guard failure == nil else { return }
        failure = error
        onFailure()
        complete(confirms.abandon(error))
        // They look at `failure` next, and their batches are complete already.
        releaseWaiters()
        // Wakes `run`, which may be asleep while a publish met the error. A goodbye needs the socket a moment longer.
        if error.code != .closed { guardian.cut() }
    }
}
