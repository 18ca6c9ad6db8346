/// A configuration that cannot be used, with the key, what is wrong, and the remedy.
struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    let description: String

    /// A key that nobody reads: most likely a slip of the pen.
    ///
    /// - Parameter place: the file and the table, where the key is not one of the settings.
    static func unknown(_ name: String, among known: [String], at place: String? = nil) -> ConfigurationError {
        let nearest = known.min { distance(name, $0) < distance(name, $1) } ?? ""
        let list =
            place == nil ? "'rosterline settings' lists all keys." : "Known there: \(known.joined(separator: ", "))."
        return ConfigurationError(
            description: (place.map { "\($0): " } ?? "")
                + "There is no key '\(name)'; did you mean '\(nearest)'? \(list)")
    }

    static func malformed(_ name: String, _ setting: Setting, value: String) -> ConfigurationError {
        var isSecret = false
        if case .secret = setting.form { isSecret = true }
        return ConfigurationError(
            description: "\(name) is '\(isSecret ? "***" : value)', but it must be \(setting.form.words).")
    }

    static func missing(_ setting: Setting) -> ConfigurationError {
        ConfigurationError(
            description:
                "\(setting.environmentName) is not set (\(setting.key) in the YAML file). \(setting.help)")
    }

    /// Edits between two texts, case apart.
    private static func distance(_ first: String, _ second: String) -> Int {
        let first = Array(first.lowercased())
        let second = Array(second.lowercased())
        var row = Array(0...second.count)
        for (i, a) in first.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in second.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
                diagonal = above
            }
        }
        return row[second.count]
    }
}
