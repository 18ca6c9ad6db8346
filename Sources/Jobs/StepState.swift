/// Where a step stands.
///
/// ```
/// pending ─► queued ─► running ─► completed | completed_with_warnings | skipped | failed
///              ▲ ▲        │  │
///              │ └────────┘  ├──► waiting (on Canvas) ─► completed … | failed
///              │  retry,     └──► held (a person decides) ─► completed | cancelled
///              │  rescue,
///              └─ hand-over; a person runs a failed step again
/// ```
/// Every state that is not an end can also become `cancelled`. Crashed and rescued, throttled, waiting for another
/// import are reasons shown beside a state, never states of their own.
package enum StepState: String, Sendable, Hashable, CaseIterable {
    case pending
    case queued
    case running
    case waiting
    case held
    case completed
    case completedWithWarnings = "completed_with_warnings"
    case skipped
    case failed
    case cancelled

    /// True once nothing will happen by itself any more.
    package var isEnd: Bool {
        switch self {
        case .completed, .completedWithWarnings, .skipped, .failed, .cancelled: true
        case .pending, .queued, .running, .waiting, .held: false
        }
    }

    /// True for an end after which the job goes on to its next step.
    package var letsNextStepBegin: Bool {
        switch self {
        case .completed, .completedWithWarnings, .skipped: true
        default: false
        }
    }
}

/// What can happen to a step.
package enum StepEvent: String, Sendable, Hashable, CaseIterable {
    /// The step before it ended well, or the job began.
    case enqueue
    /// A worker took it under a lease.
    case claim
    /// It ended as it should.
    case complete
    /// It ended as it should, but rows were left out or refused.
    case completeWithWarnings
    /// There was nothing to do.
    case skip
    /// Its numbers crossed a safety limit.
    case hold
    /// A person approved what was held.
    case approve
    /// Canvas has the import; the poller takes over.
    case await
    /// A failure that another try may mend.
    case retry
    /// A drain or a lost lease stopped the attempt; no fault of the step's.
    case interrupt
    /// Its lease ran out.
    case rescue
    /// A failure that no further try will mend.
    case fail
    /// A person stopped it.
    case cancel
    /// A person runs it again after its failure.
    case runAgain
}

extension StepState {
    /// The state after an event, or nil where the event is not legal.
    package func after(_ event: StepEvent) -> StepState? {
        switch (self, event) {
        case (.pending, .enqueue): .queued
        case (.queued, .claim): .running
        case (.running, .complete), (.waiting, .complete): .completed
        case (.running, .completeWithWarnings), (.waiting, .completeWithWarnings): .completedWithWarnings
        case (.running, .skip): .skipped
        case (.running, .hold): .held
        case (.held, .approve): .completed
        case (.running, .await): .waiting
        case (.running, .retry), (.running, .interrupt), (.running, .rescue): .queued
        case (.running, .fail), (.waiting, .fail): .failed
        case (.pending, .cancel), (.queued, .cancel), (.running, .cancel), (.waiting, .cancel), (.held, .cancel):
            .cancelled
        case (.failed, .runAgain), (.cancelled, .runAgain): .queued
        default: nil
        }
    }
}
