import FoundationEssentials
package import Jobs

/// What is said on ``OutboxStore/channel``.
///
/// All of it are hints: whoever hears none finds the same tickets at its next look.
package enum OutboxNotice: Sendable, Hashable {
    /// Tickets may be due.
    case look
    /// A ticket is due and no limit of its institution's concerns it, so this dispatcher may publish its message before
    /// it marks it. The others have nothing to do.
    case ring(StepMessage, dispatcher: Int64)

    /// Reads a notice; what it does not understand is a reason to look.
    package init(payload: String) {
        let parts = payload.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let dispatcher = Int64(parts[0]),
            let message = try? MessageCodec.decode(Array(parts[1].utf8))
        else {
            self = .look
            return
        }
        self = .ring(message, dispatcher: dispatcher)
    }

    /// The second half of the notice's text; the first is the dispatcher, which the database knows.
    static func text(of message: StepMessage) -> String {
        String(decoding: MessageCodec.encode(message), as: UTF8.self)
    }
}
