import Foundation
import Jobs
import Schedules

/// Things of a description as named values for the audit. Tokens are references and may be shown; what an address holds
/// besides host and path may be a secret and is not.
enum AppliedValues {
    static func institution(_ name: String, _ limits: DispatchLimits) -> [String: String] {
        [
            "name": name, "limits.concurrentSteps": limits.concurrentSteps.map(String.init) ?? "none",
            "limits.weight": String(limits.weight),
            "limits.stepsPerMinute": limits.stepsPerMinute.map(String.init) ?? "none",
            "limits.burst": limits.burst.map(String.init) ?? "none",
        ]
    }

    static func integration(_ name: String, _ settings: IntegrationSettings) throws -> [String: String] {
        var values = [
            "name": name, "source.kind": settings.source.kind, "source.location": address(settings.source.location),
            "canvas.address": address(settings.canvas.address), "canvas.account": settings.canvas.account,
            "canvas.token": settings.canvas.token,
        ]
        values["source.token"] = settings.source.token
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for (rule, value) in settings.mapping {
            values["mapping.\(rule)"] = String(decoding: try encoder.encode(value), as: UTF8.self)
        }
        return values
    }

    static func schedule(_ definition: ScheduleDefinition, isPaused: Bool) -> [String: String] {
        [
            "cron": definition.cron, "timeZone": definition.timeZone, "overlap": definition.overlap.rawValue,
            "catchUp.mode": definition.catchUp.mode.rawValue,
            "catchUp.windowSeconds": String(Int(definition.catchUp.window)),
            "jitterSeconds": String(definition.jitterSeconds),
            "pauseAfterFailures": definition.pauseAfterFailures.map(String.init) ?? "never",
            "quiet": definition.quiet.map(\.words).joined(separator: "; "), "paused": String(isPaused),
        ]
    }

    /// A path, or an address without user, password, query and fragment.
    static func address(_ text: String) -> String {
        guard text.contains("://") else { return text }
        guard var parts = URLComponents(string: text), parts.host?.isEmpty == false else {
            return "an address that is not shown"
        }
        if parts.user != nil || parts.password != nil { (parts.user, parts.password) = ("hidden", nil) }
        if parts.query != nil { parts.query = "hidden" }
        parts.fragment = nil
        return parts.string ?? "an address that is not shown"
    }
}
