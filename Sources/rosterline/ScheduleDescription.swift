import Foundation
import Schedules

extension Description {
    /// A schedule as an apply file describes it; what it leaves out has its default.
    struct Schedule: Decodable {
        struct CatchUpRule: Decodable {
            let mode: String?
            let windowHours: Double?
        }

        struct Range: Decodable {
            let from: String
            let until: String
            let name: String
        }

        let slug: String
        let cron: String
        let timeZone: String
        /// Left out, a pause stays as it is.
        let paused: Bool?
        let overlap: String?
        let catchUp: CatchUpRule?
        let jitterSeconds: Int?
        let pauseAfterFailures: Int?
        let blackouts: [Range]?
        let rolloverPauses: [Range]?

        /// - Throws: `ConfigurationError` that names what is wrong with it.
        func definition() throws(ConfigurationError) -> ScheduleDefinition {
            var definition = ScheduleDefinition(cron: cron, timeZone: timeZone)
            definition.overlap = try word(overlap, "overlap") ?? .skip
            let standard = CatchUp()
            definition.catchUp = CatchUp(
                try word(catchUp?.mode, "catchUp.mode") ?? standard.mode,
                window: catchUp?.windowHours.map { $0 * 3600 } ?? standard.window)
            definition.jitterSeconds = jitterSeconds ?? 0
            definition.pauseAfterFailures = pauseAfterFailures
            definition.quiet =
                try ranges(blackouts, .blackout, "blackouts") + ranges(rolloverPauses, .rollover, "rolloverPauses")
            do throws(ScheduleError) {
                _ = try definition.rules()
            } catch {
                throw wrong(error.description)
            }
            return definition
        }

        private func word<Word: RawRepresentable & CaseIterable>(
            _ text: String?, _ key: String
        ) throws(ConfigurationError) -> Word? where Word.RawValue == String {
            guard let text else { return nil }
            if let word = Word(rawValue: text) { return word }
            throw wrong(
                "\(key) is '\(text)'. Use one of: \(Word.allCases.map(\.rawValue).joined(separator: ", ")).")
        }

        private func ranges(
            _ ranges: [Range]?, _ kind: QuietRange.Kind, _ key: String
        ) throws(ConfigurationError) -> [QuietRange] {
            var found: [QuietRange] = []
            for range in ranges ?? [] {
                guard let from = LocalMinute(range.from), let until = LocalMinute(range.until) else {
                    throw wrong(
                        "\(key) has \(range.from) to \(range.until). Give local times as 2027-06-20 or 2027-06-20T22:00, "
                            + "in quotes.")
                }
                found.append(QuietRange(kind, from: from, until: until, name: range.name))
            }
            return found
        }

        private func wrong(_ problem: String) -> ConfigurationError {
            ConfigurationError(description: "The schedule '\(slug)': \(problem)")
        }
    }
}
