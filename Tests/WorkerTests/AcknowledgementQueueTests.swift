import EventLoops
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import Worker

@Suite(.timeLimit(.minutes(5)))
struct AcknowledgementQueueTests {
    /// A queue whose pauses the test ends, one by one.
    private struct Scene {
        let queue: AcknowledgementQueue<Int>
        let told: NIOLockedValueBox<[[Int]]>
        private let begun: AsyncStream<AsyncStream<Void>.Continuation>

        init() {
            let told = NIOLockedValueBox<[[Int]]>([])
            let (begun, begin) = AsyncStream.makeStream(of: AsyncStream<Void>.Continuation.self)
            queue = AcknowledgementQueue {
                let (ends, end) = AsyncStream.makeStream(of: Void.self)
                begin.yield(end)
                for await _ in ends {}
            } tell: { deliveries in
                told.withLockedValue { $0.append(deliveries) }
            }
            self.told = told
            self.begun = begun
        }

        func add(_ deliveries: Int...) async {
            await queue.add(deliveries, on: PollLoop.shared)
        }

        /// The next pause that has begun; finishing it ends the pause.
        func pause() async throws -> AsyncStream<Void>.Continuation {
            var pauses = begun.makeAsyncIterator()
            return try #require(await pauses.next())
        }
    }

    @Test func `what nobody asks about is told at the end of the pause, together`() async throws {
        let scene = Scene()
        await scene.add(1)
        await scene.add(2)
        let pause = try await scene.pause()
        #expect(scene.told.withLockedValue(\.self).isEmpty)
        pause.finish()
        try await eventually("both are told") { scene.told.withLockedValue { $0 == [[1, 2]] } }
    }

    @Test func `asked before, it tells at once, and an older pause speaks of nobody who came later`() async throws {
        let scene = Scene()
        await scene.add(1)
        let first = try await scene.pause()
        await scene.queue.flush()
        #expect(scene.told.withLockedValue(\.self) == [[1]])
        await scene.add(2)
        let second = try await scene.pause()
        first.finish()
        await scene.queue.flush(0)
        #expect(scene.told.withLockedValue(\.self) == [[1]])
        second.finish()
        try await eventually("the second is told") { scene.told.withLockedValue { $0 == [[1], [2]] } }
    }

    @Test func `many are told of at once, and those who wait with them`() async throws {
        let scene = Scene()
        await scene.add(1)
        let many = Array(2...AcknowledgementQueue<Int>.many + 1)
        await scene.queue.add(many, on: PollLoop.shared)
        #expect(scene.told.withLockedValue(\.self) == [[1] + many])
        try await scene.pause().finish()
        await scene.queue.flush()
        #expect(scene.told.withLockedValue(\.count) == 1)
    }
}
