/// What somebody wrote as a job's key and cannot be one: what is wrong with it and what is allowed.
package struct JobKeyError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension JobKey {
    /// Characters of a key, at most.
    package static let longestText = 200

    /// Reads a key as people and programs write it.
    ///
    /// - Parameters:
    ///   - scope: `waiting`, `unfinished`, or a window such as `window=30m` in s, m, h or d; nil = unfinished.
    ///   - conflict: a word of ``Conflict``; nil = reject.
    package init(reading text: String, scope: String?, conflict: String?) throws(JobKeyError) {
        guard (1...Self.longestText).contains(text.count), !text.unicodeScalars.contains(where: { $0.value < 0x20 })
        else {
            throw JobKeyError("A key has 1 to \(Self.longestText) plain characters.")
        }
        guard let scope = Scope(reading: scope ?? "unfinished") else {
            throw JobKeyError(
                "The key's scope is '\(scope ?? "")'. Use waiting, unfinished, or a window of 1 s to 366 d such as window=30m."
            )
        }
        guard let conflict = Conflict(rawValue: conflict ?? Conflict.reject.rawValue) else {
            let words = Conflict.allCases.map(\.rawValue).joined(separator: ", ")
            throw JobKeyError("On a conflict '\(conflict ?? "")' cannot be done. Use one of: \(words).")
        }
        self.init(text, scope: scope, conflict: conflict)
    }
}

extension JobKey.Scope {
    private static let longestWindow = 366 * 86_400
    private static let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]

    fileprivate init?(reading text: String) {
        switch text {
        case "waiting": self = .waiting
        case "unfinished": self = .unfinished
        default:
            guard text.hasPrefix("window="), let unit = text.last.flatMap({ Self.units[$0] }),
                let number = Int(text.dropFirst("window=".count).dropLast()), number > 0,
                number <= Self.longestWindow / unit
            else { return nil }
            self = .window(seconds: Double(number * unit))
        }
    }
}
