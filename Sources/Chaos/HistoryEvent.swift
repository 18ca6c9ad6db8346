package import FoundationEssentials
package import Jobs

/// One line of the history of a run: what happened to a step, a worker or a job, and when.
package struct HistoryEvent: Sendable, Hashable {
    /// What can happen.
    package enum What: String, Sendable, Hashable, CaseIterable {
        /// A worker took the step; `leasedUntil` says for how long.
        case claim
        /// The lease was prolonged to `leasedUntil`.
        case renew
        /// The attempt ended by itself, well or badly; `state` says what the step became.
        case finish
        /// The lease ran out and the step was taken back; `state` is `queued`, or `failed` if it was parked.
        case rescue
        /// A cancelled step's lease was taken away.
        case fence
        /// A step that nobody held changed: it was queued, or cancelled.
        case move
        /// The work set about what it is for, under this token, whoever has the lease.
        case attempt = "try"
        /// The work did what it is for, under this token.
        case effect
        /// The work tried to, and the token did not hold any more.
        case refused
        /// Somebody asked for the job's end.
        case cancelRequest = "cancel"
        /// The chaos killed or froze the owner.
        case kill
    }

    /// Order of writing: for one step, the order in which its changes were committed.
    package let sequence: Int64
    package let at: Date
    package let what: What
    /// The step; of a `cancelRequest` the ordinal is 0, of a `kill` there is none.
    package let step: StepID?
    /// 0 where there is none.
    package let token: Int64
    package let owner: String?
    package let leasedUntil: Date?
    /// The step's state after the change, in the database's words.
    package let state: String?
    /// The process that wrote it, as its connection is called; nil if unknown.
    package let writer: String?

    package init(
        _ sequence: Int64, at: Date, _ what: What, step: StepID? = nil, token: Int64 = 0, owner: String? = nil,
        leasedUntil: Date? = nil, state: String? = nil, writer: String? = nil
    ) {
        self.sequence = sequence
        self.at = at
        self.what = what
        self.step = step
        self.token = token
        self.owner = owner
        self.leasedUntil = leasedUntil
        self.state = state
        self.writer = writer
    }
}
