import EventLoops

/// The consumer's side of one connection: its queues, what came from them, and what is settled.
///
/// All queues share one channel, so one acknowledgement may cover deliveries of several. A queue that is missing, or
/// that the broker cancels, is asked for on a second channel every 2 s, since a question about a missing queue costs
/// the channel that it was asked on.
actor ConsumerSession: RabbitMQSession {
    private static let eventsPerTurn = 1024
    private static let questionInterval = Duration.seconds(2)
    private static let writeLimit = Duration.seconds(30)

    /// What a session needs to know and whom it tells.
    struct Setup: Sendable {
        let configuration: RabbitMQConfiguration
        let queues: [String]
        let prefetch: UInt16
        let consumerTag: String?
        let buffer: DeliveryBuffer
        let isPaused: @Sendable () -> Bool
        /// A queue went missing (true) or came back (false).
        let onMissing: @Sendable (_ queue: String, _ isMissing: Bool, _ error: RabbitMQError?) -> Void
    }

    nonisolated let loop: PollLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnowned }
    nonisolated let guardian = SocketGuard()
    nonisolated let epoch: UInt64

    private let setup: Setup
    private var handle: RabbitMQHandle
    private var settlements = SettlementStateMachine()
    private var queuesByTag: [String: String] = [:]
    private var missing: [String] = []
    private var askAgainAt: ContinuousClock.Instant?
    private var isQuestionChannelOpen = false
    private var failure: RabbitMQError?

    init(_ setup: Setup, epoch: UInt64, loop: PollLoop) {
        self.setup = setup
        self.epoch = epoch
        self.loop = loop
        handle = RabbitMQHandle(configuration: setup.configuration, guardian: guardian)
    }

    /// Deliveries that are neither acknowledged nor rejected.
    var unsettled: Int { settlements.unsettled }

    func open() throws(RabbitMQError) -> RabbitMQConfiguration.Host? {
        handle = try RabbitMQHandle.connect(setup.configuration, guardian: guardian)
        try handle.setPrefetch(setup.prefetch)
        // What came over an earlier connection will come again.
        _ = setup.buffer.removeAll()
        missing = setup.queues
        if !setup.isPaused() { try consumeMissing() }
        return handle.host
    }

    func run() async -> RabbitMQError? {
        let descriptor = handle.descriptor
        catchUp()
        while failure == nil {
            while readTurn() { await Task.yield() }
            askAgain()
            if failure != nil { break }
            var deadline = ContinuousClock.now + max(.milliseconds(300), setup.configuration.heartbeat / 3)
            if let askAgainAt { deadline = min(deadline, askAgainAt) }
            let readiness = await loop.wait(for: .readable, on: descriptor, until: deadline)
            if readiness == .cancelled { return nil }
        }
        return failure
    }

    /// Does what was asked for since ``open()`` looked, when nobody could reach this session yet.
    private func catchUp() {
        if setup.isPaused() {
            if !queuesByTag.isEmpty { pause() }
        } else if queuesByTag.isEmpty, askAgainAt == nil {
            askAgainAt = .now
        }
    }

    func close() {
        guard failure == nil else { return }
        failure = RabbitMQError(.closed, operation: "consume")
        guardian.allow(until: .now + setup.configuration.connectTimeout)
        handle.close()
        guardian.allow(until: nil)
    }

    func acknowledge(_ tags: [UInt64]) {
        write { handle throws(RabbitMQError) in
            for settlement in settlements.settle(tags) {
                try handle.acknowledge(tag: settlement.tag, multiple: settlement.multiple)
            }
        }
    }

    func giveBack(_ tags: [UInt64]) {
        write { handle throws(RabbitMQError) in
            for settlement in settlements.settle(tags) {
                try handle.giveBack(tag: settlement.tag, multiple: settlement.multiple)
            }
        }
    }

    func reject(_ tags: [UInt64]) {
        write { handle throws(RabbitMQError) in
            // basic.reject knows no `multiple`.
            for tag in tags where !settlements.settle(CollectionOfOne(tag)).isEmpty {
                try handle.reject(tag: tag)
            }
        }
    }

    /// Cancels all consumers, and gives back what nobody has taken yet.
    func pause() {
        stopConsuming()
        giveBack(setup.buffer.removeAll().map(\.tag))
    }

    /// Cancels all consumers; what has come stays in the buffer.
    func stopConsuming() {
        write { handle throws(RabbitMQError) in
            for tag in queuesByTag.keys { try handle.cancelConsumer(tag: tag) }
        }
        queuesByTag = [:]
        missing = setup.queues
        askAgainAt = nil
        // Deliveries that were on their way when the cancel went out have come before its answer.
        while readTurn() {}
    }

    func resume() {
        guard queuesByTag.isEmpty else { return }
        askAgainAt = .now
        loop.interrupt(descriptor: handle.descriptor)
    }

    private func write(_ body: (inout RabbitMQHandle) throws(RabbitMQError) -> Void) {
        guard failure == nil else { return }
        guardian.allow(until: .now + Self.writeLimit)
        defer { guardian.allow(until: nil) }
        do throws(RabbitMQError) {
            try body(&handle)
        } catch {
            fail(error)
        }
    }
}

extension ConsumerSession {
    /// Reads what has come and hands it over together; true when there may be more.
    private func readTurn() -> Bool {
        var deliveries: [RabbitMQDelivery] = []
        var count = 0
        do throws(RabbitMQError) {
            while failure == nil, count < Self.eventsPerTurn, let event = try handle.nextEvent() {
                if let delivery = take(event) { deliveries.append(delivery) }
                count += 1
            }
        } catch {
            fail(error)
        }
        if failure == nil, !deliveries.isEmpty { setup.buffer.append(deliveries) }
        return count == Self.eventsPerTurn && failure == nil
    }

    private func take(_ event: RabbitMQEvent) -> RabbitMQDelivery? {
        switch event {
        case .delivery(let dispatch, let properties, let body):
            settlements.delivered(tag: dispatch.tag)
            return RabbitMQDelivery(
                body: body, properties: properties, exchange: dispatch.exchange, routingKey: dispatch.routingKey,
                queue: queuesByTag[dispatch.consumerTag] ?? "", isRedelivered: dispatch.isRedelivered,
                tag: dispatch.tag, epoch: epoch)
        case .consumerCancelled(let tag):
            if let queue = queuesByTag.removeValue(forKey: tag) {
                missing.append(queue)
                askAgainAt = .now + .milliseconds(100)
                setup.onMissing(queue, true, nil)
            }
        case .confirm, .returned, .blocked, .unblocked:
            break
        }
        return nil
    }

    private func askAgain() {
        guard failure == nil, let askAgainAt, askAgainAt <= .now, !setup.isPaused() else { return }
        do throws(RabbitMQError) {
            try consumeMissing()
        } catch {
            fail(error)
        }
    }

    /// Consumes the queues that exist of those not consumed yet, and decides when to ask for the others again.
    private func consumeMissing() throws(RabbitMQError) {
        for queue in missing {
            do throws(RabbitMQError) {
                try ask(for: queue)
            } catch {
                guard error.code == .notFound else { throw error }
                setup.onMissing(queue, true, error)
                continue
            }
            let tag = setup.consumerTag.map { "\($0).\(queue)" } ?? ""
            queuesByTag[try handle.consume(queue: queue, tag: tag)] = queue
            missing.removeAll { $0 == queue }
            setup.onMissing(queue, false, nil)
        }
        askAgainAt = missing.isEmpty ? nil : .now + Self.questionInterval
    }

    private func ask(for queue: String) throws(RabbitMQError) {
        if !isQuestionChannelOpen {
            try handle.openChannel(RabbitMQHandle.questionChannel)
            isQuestionChannelOpen = true
        }
        do throws(RabbitMQError) {
            _ = try handle.inspect(queue: queue, channel: RabbitMQHandle.questionChannel)
        } catch {
            isQuestionChannelOpen = false
            throw error
        }
    }

    private func fail(_ error: RabbitMQError) {
        guard failure == nil else { return }
        failure = guardian.wasOverdue ? RabbitMQError(.hung, operation: "consume", detail: error.detail) : error
        guardian.cut()
    }
}
