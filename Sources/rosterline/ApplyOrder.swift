import Foundation
import Jobs
import Postgres
import Schedules
import Storage

/// Stores what a description says, and writes into the audit what that changes: for each thing that differs one line,
/// with the values that differ. What is as it was leaves no line.
struct ApplyOrder {
    /// What became of one thing.
    struct Outcome: Sendable, Hashable, CustomStringConvertible {
        enum Verdict: String, Sendable {
            case created, changed, unchanged
        }

        /// Kind and name, as in the audit.
        let subject: String
        let verdict: Verdict

        var description: String { "\(subject): \(verdict.rawValue)" }
    }

    private let transaction: PostgresTransaction
    private let actor: String
    private let now: Date
    private var outcomes: [Outcome] = []
    private var entries: [AuditEntry] = []

    /// - Parameters:
    ///   - actor: who applies it, for the audit.
    ///   - now: from when on new schedules fire.
    ///   - transaction: all of it stands, or nothing.
    /// - Returns: each thing that the description names, in its order.
    static func store(
        _ description: Description, by actor: String, now: Date, in transaction: PostgresTransaction
    ) async throws -> [Outcome] {
        var order = ApplyOrder(transaction: transaction, actor: actor, now: now)
        for institution in description.institutions { try await order.put(institution) }
        // Last: from here on nobody else can write into the audit.
        try await AuditStore(transaction).append(order.entries)
        return order.outcomes
    }

    private init(transaction: PostgresTransaction, actor: String, now: Date) {
        self.transaction = transaction
        self.actor = actor
        self.now = now
    }

    private mutating func put(_ institution: Description.Institution) async throws {
        let store = IntegrationStore(transaction)
        let old = try await store.take(institution: institution.slug)
        let limits = institution.limits?.dispatch ?? DispatchLimits()
        let id = try await store.put(institution: institution.slug, name: institution.name)
        try await store.put(limits, institution: id)
        note(
            .institutionApply, "institution \(institution.slug)",
            from: old.map { AppliedValues.institution($0.name, $0.limits) },
            to: AppliedValues.institution(institution.name, limits))
        for integration in institution.integrations {
            try await put(integration, of: id, called: "\(institution.slug)/\(integration.slug)")
        }
    }

    private mutating func put(
        _ integration: Description.Integration, of institution: Int64, called name: String
    ) async throws {
        let store = IntegrationStore(transaction)
        let old = try await store.integration(integration.slug, of: institution)
        let settings = integration.settings
        let id = try await store.put(
            integration: integration.slug, name: integration.name, institution: institution, settings: settings)
        // What cannot be read, since a later version wrote it, is replaced as well.
        let before = old.flatMap { try? IntegrationSettings(decoding: $0.settings) }
        note(
            .integrationApply, "integration \(name)",
            from: try old.map { old in
                try before.map { try AppliedValues.integration(old.name, $0) } ?? ["name": old.name]
            },
            to: try AppliedValues.integration(integration.name, settings), hasChanged: before != settings)
        for schedule in integration.schedules ?? [] {
            try await put(schedule, of: id, called: "\(name)/\(schedule.slug)")
        }
    }

    private mutating func put(_ schedule: Description.Schedule, of integration: Int64, called name: String) async throws
    {
        let store = ScheduleStore(transaction)
        let old = try await store.take(schedule.slug, integration: integration)
        let definition = try schedule.definition()
        let key = ScheduleStore.Stored.key(integration: integration, slug: schedule.slug)
        let next = try definition.rules().next(after: now, key: key)
        try await store.put(
            schedule.slug, integration: integration, kind: .rosterSync, definition: definition, paused: schedule.paused,
            next: .init(planned: next?.occurrence.instant, start: next?.start))
        // By its end alone: it began on the database's clock, which may be ahead of this one's.
        let wasPaused = old?.pause.map { pause in pause.until.map { now < $0 } ?? true } ?? false
        note(
            .scheduleApply, "schedule \(name)",
            from: old.map { AppliedValues.schedule($0.definition, isPaused: wasPaused) },
            to: AppliedValues.schedule(definition, isPaused: schedule.paused ?? wasPaused))
    }

    /// - Parameter hasChanged: also where the values that may be shown do not differ.
    private mutating func note(
        _ action: AuditAction, _ subject: String, from old: [String: String]?, to new: [String: String],
        hasChanged: Bool = false
    ) {
        var after = new
        if hasChanged, old == new { after["hidden"] = "a part of an address that is not shown has changed" }
        guard let difference = AuditDifference(from: old, to: after) else {
            outcomes.append(Outcome(subject: subject, verdict: .unchanged))
            return
        }
        outcomes.append(Outcome(subject: subject, verdict: old == nil ? .created : .changed))
        entries.append(
            AuditEntry(
                actor: actor, action: action, subject: subject, before: difference.before, after: difference.after))
    }
}
