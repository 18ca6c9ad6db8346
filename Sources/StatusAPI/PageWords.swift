import Jobs

/// The words that pages use for what the database names.
enum PageWords {
    static func jobKind(_ kind: String) -> String {
        switch JobKind(rawValue: kind) {
        case .rosterSync: "Roster Sync"
        case nil: kind
        }
    }

    /// `user_observers` as `User observers`.
    static func type(_ name: String) -> String {
        let words = name.split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    /// `12 345 678`, with narrow no-break spaces, which no reader takes for a decimal point.
    static func number(_ value: Int64) -> String {
        var groups: [String] = []
        var digits = Substring(String(value.magnitude))
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits = digits.dropLast(3)
        }
        groups.insert(String(digits), at: 0)
        return (value < 0 ? "\u{2212}" : "") + groups.joined(separator: "\u{202F}")
    }

    /// `1 error`, `5 000 users`.
    static func counted(_ count: Int64, _ noun: String) -> String {
        "\(number(count))\u{A0}\(noun)\(count == 1 ? "" : "s")"
    }

    /// `12.3 MB`, in steps of 1 000.
    static func size(_ bytes: Int64) -> String {
        guard bytes >= 1000 else { return "\(bytes) B" }
        var value = Double(bytes)
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB"]
        // 999.95 would be shown as 1000.0.
        while value >= 999.95 && unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// `1 h 02 min`, `3 min 05 s`, `12 s`; tenths below ten seconds, `0.4 s`.
    static func duration(_ seconds: Double) -> String {
        let tenths = Int((max(0, seconds) * 10).rounded())
        if tenths < 100 { return "\(tenths / 10).\(tenths % 10) s" }
        let whole = Int(max(0, seconds).rounded())
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        if whole >= 3600 { return "\(whole / 3600) h \(two(whole % 3600 / 60)) min" }
        if whole >= 60 { return "\(whole / 60) min \(two(whole % 60)) s" }
        return "\(whole) s"
    }
}
