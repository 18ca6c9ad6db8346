/// A range of local time in which a schedule does not fire.
package struct QuietRange: Sendable, Hashable, Codable {
    /// Why it is quiet; decides the outcome that is written down.
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A stretch without runs, such as an examination week.
        case blackout
        /// The pause between two school years, from the pause date to the resume date.
        case rollover
    }

    package let kind: Kind
    /// First minute of it.
    package let from: LocalMinute
    /// First minute after it.
    package let until: LocalMinute
    /// What people call it; ends up in the reason of what did not start.
    package let name: String

    package init(_ kind: Kind, from: LocalMinute, until: LocalMinute, name: String) {
        self.kind = kind
        self.from = from
        self.until = until
        self.name = name
    }

    func covers(_ occurrence: PlannedOccurrence) -> Bool {
        let local = LocalMinute(date: occurrence.date, minute: occurrence.minute)
        return from <= local && local < until
    }

    /// Such as `the rollover pause "Summer 2027", from 2027-06-20 00:00 until 2027-08-15 00:00`.
    package var words: String {
        let noun = kind == .blackout ? "the blackout" : "the rollover pause"
        return "\(noun) \"\(name)\", from \(from.words) until \(until.words)"
    }
}

/// A local date and time of day, to the minute and without a zone.
package struct LocalMinute: Sendable, Hashable, Comparable, Codable {
    package let date: CivilDate
    /// 0 to 1439.
    package let minute: Int

    package init(date: CivilDate, minute: Int) {
        self.date = date
        self.minute = minute
    }

    /// Reads `2027-06-20T22:00`, also with a blank for the T, or a date alone, which is its midnight; else nil.
    package init?(_ text: String) {
        guard let date = CivilDate(text.prefix(10)) else { return nil }
        let rest = text.dropFirst(10)
        var minute = 0
        if !rest.isEmpty {
            let parts = rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
            guard rest.first == "T" || rest.first == " ", parts.count == 2, parts.allSatisfy({ $0.count == 2 }),
                let hours = Int(parts[0]), let minutes = Int(parts[1]), (0...23).contains(hours),
                (0...59).contains(minutes)
            else { return nil }
            minute = hours * 60 + minutes
        }
        self.init(date: date, minute: minute)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = LocalMinute(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "'\(text)' is no local time; give it as 2027-06-20 or 2027-06-20T22:00.")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode("\(date)T\(clock)")
    }

    private var clock: String { "\((minute / 60).twoDigits):\((minute % 60).twoDigits)" }

    /// `2027-06-20 22:00`.
    package var words: String { "\(date) \(clock)" }

    package static func < (left: LocalMinute, right: LocalMinute) -> Bool {
        (left.date, left.minute) < (right.date, right.minute)
    }
}
