import Jobs
import Testing

@Suite struct StepStateTests {
    /// The whole table: what is not here is not legal.
    private static let legal: [StepState: [StepEvent: StepState]] = [
        .pending: [.enqueue: .queued, .cancel: .cancelled],
        .queued: [.claim: .running, .cancel: .cancelled],
        .running: [
            .complete: .completed, .completeWithWarnings: .completedWithWarnings, .skip: .skipped, .hold: .held,
            .await: .waiting, .retry: .queued, .interrupt: .queued, .rescue: .queued, .fail: .failed,
            .cancel: .cancelled,
        ],
        .waiting: [
            .complete: .completed, .completeWithWarnings: .completedWithWarnings, .fail: .failed, .cancel: .cancelled,
        ],
        .held: [.approve: .completed, .cancel: .cancelled],
        .failed: [.runAgain: .queued],
        .cancelled: [.runAgain: .queued],
    ]

    @Test(arguments: StepState.allCases, StepEvent.allCases)
    func `an event leads where the table says and nowhere else`(state: StepState, event: StepEvent) {
        #expect(state.after(event) == Self.legal[state]?[event])
    }

    @Test(arguments: StepState.allCases.filter(\.isEnd))
    func `nothing but a person leaves an end`(state: StepState) {
        for event in StepEvent.allCases where event != .runAgain {
            #expect(state.after(event) == nil)
        }
    }

    @Test(arguments: StepState.allCases.filter { !$0.isEnd })
    func `a person can cancel whatever has not ended`(state: StepState) {
        #expect(state.after(.cancel) == .cancelled)
    }

    @Test(arguments: StepState.allCases)
    func `every state can be reached from pending`(state: StepState) {
        var reached: Set<StepState> = [.pending]
        while true {
            let next = Set(reached.flatMap { from in StepEvent.allCases.compactMap { from.after($0) } }).union(reached)
            if next == reached { break }
            reached = next
        }
        #expect(reached.contains(state))
    }
}

@Suite struct JobStateTests {
    @Test(
        arguments: [
            ([], .completed),
            ([.pending], .inProgress),
            ([.completed, .queued], .inProgress),
            ([.completed, .skipped, .completed], .completed),
            ([.completed, .completedWithWarnings, .completed], .warning),
            ([.completedWithWarnings, .running], .inProgress),
            ([.completed, .waiting], .inProgress),
            ([.completed, .held, .pending], .held),
            ([.completed, .failed, .pending], .failed),
            ([.failed, .cancelled], .failed),
            ([.completed, .cancelled, .pending], .cancelled),
        ] as [([StepState], JobState)])
    func `the steps decide the state of the job`(steps: [StepState], state: JobState) {
        #expect(JobState(steps: steps) == state)
    }

    @Test(arguments: StepState.allCases, StepState.allCases)
    func `a job is over only when no step will go on`(first: StepState, second: StepState) {
        let state = JobState(steps: [first, second])
        if state == .completed || state == .warning {
            #expect(first.isEnd && second.isEnd)
        }
    }
}
