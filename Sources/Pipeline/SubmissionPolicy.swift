package import FoundationEssentials

/// What to do about a batch for which a request may have left, but no answer came back: pure, so that every case can be
/// tried.
///
/// Canvas has no key that would make a second request harmless, so nothing is sent before it is known that the first
/// did not arrive. Imports are told by the names of their files, which carry the batch's own. Canvas lists those
/// names only once it has begun with an import; until then an import of unknown origin is waited for.
package enum SubmissionPolicy {
    /// An import that Canvas lists since the intent, and that is no known other batch of ours.
    package struct Candidate: Sendable, Hashable {
        package let id: String
        package let isEnded: Bool
        /// Names of its files, as far as Canvas lists them.
        package let fileNames: [String]

        package init(id: String, isEnded: Bool, fileNames: [String]) {
            self.id = id
            self.isEnded = isEnded
            self.fileNames = fileNames
        }
    }

    /// What to do.
    package enum Decision: Sendable, Hashable {
        /// It surely did not arrive.
        case send
        /// This is it.
        case adopt(String)
        /// It cannot be known yet.
        case wait(until: Date)
        /// It cannot be known at all: several imports of unknown origin have ended.
        case ambiguous([String])
    }

    /// - Parameters:
    ///   - name: the batch's name.
    ///   - contents: names of the files inside the archive. An archive may be sent twice on purpose, by a step that is
    ///     run again or by a job that took it over; the imports of then are known and no candidates.
    ///   - intendedAt: when the request was about to leave.
    ///   - settle: how long a request may take to arrive.
    package static func decide(
        name: BatchName, contents: Set<String> = [], intendedAt: Date, candidates: [Candidate], now: Date,
        settle: TimeInterval
    ) -> Decision {
        if let found = candidates.first(where: { $0.fileNames.contains { name.marks($0) || contents.contains($0) } }) {
            return .adopt(found.id)
        }
        let unknown = candidates.filter(\.fileNames.isEmpty)
        if unknown.contains(where: { !$0.isEnded }) { return .wait(until: now.addingTimeInterval(10)) }
        if now < intendedAt.addingTimeInterval(settle) { return .wait(until: intendedAt.addingTimeInterval(settle)) }
        switch unknown.count {
        case 0: return .send
        // Canvas never named its files, but nobody else began an import under this token in that minute.
        case 1: return .adopt(unknown[0].id)
        default: return .ambiguous(unknown.map(\.id).sorted())
        }
    }
}
