/// The right to work on a step: who has it, and under which fencing token.
///
/// Every write of an attempt is conditional on the token. A worker that lost its lease holds a token of the past, and
/// its writes change nothing.
package struct StepLease: Sendable, Hashable {
    package let step: StepID
    package let token: Int64
    /// The worker process: host name, process id and a random part.
    package let owner: String

    package init(step: StepID, token: Int64, owner: String) {
        self.step = step
        self.token = token
        self.owner = owner
    }

    /// Step and token tell leases apart well enough; the owner's name is long.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(step)
        hasher.combine(token)
    }
}
