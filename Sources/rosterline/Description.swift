import Canvas
import Conversion
import Foundation
import Jobs
import Schedules
import Secrets
import Yams

/// What an apply file says: institutions with their integrations and schedules. Everything in it is checked before
/// anything is stored; an unknown key is an error, since a rule that nobody reads is a rule that somebody relies on.
struct Description: Decodable {
    struct Institution: Decodable {
        let slug: String
        let name: String
        let limits: Limits?
        let integrations: [Integration]
    }

    /// What an institution may have of the cluster, beside the others. A key that is missing leaves its default.
    struct Limits: Decodable {
        let concurrentSteps: Int?
        let weight: Int?
        let stepsPerMinute: Int?
        let burst: Int?

        var dispatch: DispatchLimits {
            var limits = DispatchLimits()
            // 0 lifts the limit, as no number would be large enough to say so.
            if let concurrentSteps { limits.concurrentSteps = concurrentSteps == 0 ? nil : concurrentSteps }
            if let weight { limits.weight = weight }
            limits.stepsPerMinute = stepsPerMinute
            limits.burst = burst
            return limits
        }
    }

    struct Integration: Decodable {
        let slug: String
        let name: String
        let source: IntegrationSettings.Source
        let canvas: IntegrationSettings.CanvasAccount
        let mapping: [String: MappingValue]?
        let schedules: [Schedule]?

        var settings: IntegrationSettings {
            IntegrationSettings(source: source, canvas: canvas, mapping: mapping ?? [:])
        }
    }

    let institutions: [Institution]

    /// Reads and checks a file.
    ///
    /// - Throws: `ConfigurationError`.
    init(contentsOf path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError(description: "The file \(path) cannot be read.")
        }
        try self.init(yaml: text, name: path)
    }

    /// Reads and checks the text of a file.
    init(yaml text: String, name: String) throws {
        do {
            try KnownKeys.file.check(try Yams.load(yaml: text), at: name)
            self = try YAMLDecoder().decode(Description.self, from: text)
        } catch let error as DecodingError {
            throw ConfigurationError(description: "\(name): \(Self.words(error))")
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(description: "\(name) is no YAML: \(error)")
        }
        for institution in institutions {
            try Self.check(slug: institution.slug)
            try Self.check(institution.limits, of: institution.slug)
            for integration in institution.integrations { try Self.check(integration) }
        }
    }

    private static func check(_ limits: Limits?, of institution: String) throws {
        guard let limits else { return }
        let ranges: [(String, Int?, ClosedRange<Int>)] = [
            ("concurrentSteps", limits.concurrentSteps, 0...100_000), ("weight", limits.weight, 1...100),
            ("stepsPerMinute", limits.stepsPerMinute, 1...10_000_000), ("burst", limits.burst, 1...10_000_000),
        ]
        for (key, value, range) in ranges {
            guard let value, !range.contains(value) else { continue }
            throw ConfigurationError(
                description:
                    "'\(key)' of '\(institution)' is \(value); give \(range.lowerBound) to \(range.upperBound).")
        }
        if limits.burst != nil, limits.stepsPerMinute == nil {
            throw ConfigurationError(
                description: "'burst' of '\(institution)' means nothing without 'stepsPerMinute'. Give both or neither."
            )
        }
    }

    private static func check(_ integration: Integration) throws {
        try check(slug: integration.slug)
        let name = integration.slug
        guard integration.source.kind == "oneroster_csv" else {
            throw ConfigurationError(
                description: "The source of '\(name)' has the kind '\(integration.source.kind)'. Known: oneroster_csv.")
        }
        guard CanvasConfiguration(baseURL: integration.canvas.address) != nil else {
            throw ConfigurationError(
                description:
                    "The Canvas address of '\(name)' is '\(integration.canvas.address)'. Give it as https://school.instructure.com."
            )
        }
        for reference in [integration.canvas.token, integration.source.token].compactMap(\.self) {
            do {
                _ = try SecretReference(parsing: reference)
            } catch {
                throw ConfigurationError(description: "A token of '\(name)' is no reference: \(error)")
            }
        }
        for schedule in integration.schedules ?? [] {
            try check(slug: schedule.slug)
            _ = try schedule.definition()
        }
        try check(mapping: integration)
    }

    private static func check(mapping integration: Integration) throws {
        let rules: ConversionRules
        do {
            rules = try JSONDecoder().decode(
                ConversionRules.self, from: JSONEncoder().encode(integration.mapping ?? [:]))
        } catch let error as DecodingError {
            throw ConfigurationError(description: "The mapping of '\(integration.slug)': \(words(error))")
        }
        _ = try zone(rules.timeZone, of: "The mapping of '\(integration.slug)'")
    }

    fileprivate static func zone(_ name: String, of owner: String) throws -> TimeZone {
        if let zone = TimeZone(identifier: name) { return zone }
        throw ConfigurationError(
            description:
                "\(owner) names the time zone '\(name)', which is none. Give an IANA name such as Europe/Berlin.")
    }

    private static func check(slug: String) throws {
        let isWell =
            !slug.isEmpty && slug.utf8.count <= 63 && slug.first != "-"
            && slug.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
        guard isWell else {
            throw ConfigurationError(
                description:
                    "'\(slug)' is no slug: up to 63 small letters, digits and hyphens, beginning with a letter or a digit."
            )
        }
    }

    private static func words(_ error: DecodingError) -> String {
        func place(_ context: DecodingError.Context) -> String {
            context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context): "'\(key.stringValue)' is missing in \(place(context))."
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            "\(place(context)) cannot be read: \(context.debugDescription)"
        @unknown default: "\(error)"
        }
    }
}

/// The keys that a table of an apply file may have, and what lies below them.
private indirect enum KnownKeys: Sendable {
    case value
    case table([String: KnownKeys])
    case list(KnownKeys)

    private static let limits = KnownKeys.table([
        "concurrentSteps": .value, "weight": .value, "stepsPerMinute": .value, "burst": .value,
    ])

    static let file = KnownKeys.table([
        "institutions": .list(
            .table(["slug": .value, "name": .value, "limits": limits, "integrations": .list(integration)]))
    ])

    private static let integration = KnownKeys.table([
        "slug": .value, "name": .value,
        "source": .table(["kind": .value, "location": .value, "token": .value]),
        "canvas": .table(["address": .value, "account": .value, "token": .value]),
        "mapping": .table(Dictionary(uniqueKeysWithValues: ConversionRules.names.map { ($0, .value) })),
        "schedules": .list(
            .table([
                "slug": .value, "cron": .value, "timeZone": .value, "paused": .value, "overlap": .value,
                "catchUp": .table(["mode": .value, "windowHours": .value]), "jitterSeconds": .value,
                "pauseAfterFailures": .value, "blackouts": .list(range), "rolloverPauses": .list(range),
            ])),
    ])

    private static let range = KnownKeys.table(["from": .value, "until": .value, "name": .value])

    /// - Throws: `ConfigurationError` for the first unknown key, with the nearest right one.
    func check(_ value: Any?, at place: String) throws {
        switch self {
        case .value: return
        case .list(let element):
            for (index, item) in ((value as? [Any]) ?? []).enumerated() {
                try element.check(item, at: "\(place)[\(index)]")
            }
        case .table(let known):
            for (key, inner) in (value as? [String: Any]) ?? [:] {
                guard let next = known[key] else {
                    throw ConfigurationError.unknown(key, among: known.keys.sorted(), at: place)
                }
                try next.check(inner, at: "\(place): \(key)")
            }
        }
    }
}
