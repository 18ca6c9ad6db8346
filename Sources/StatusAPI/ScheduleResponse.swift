import FoundationEssentials
import Jobs
import Schedules
import Storage

/// A schedule with its rules, its last and its next occurrence.
struct ScheduleResponse: Encodable {
    struct CatchUpRule: Encodable {
        let mode: String
        let windowSeconds: Double
    }

    struct Quiet: Encodable {
        let kind: String
        let from: String
        let until: String
        let name: String
    }

    struct Pause: Encodable {
        let from: APITime
        let until: APITime?
        let reason: String
        let by: String
    }

    struct Occurrence: Encodable {
        let plannedAt: APITime
        let plannedAtLocal: String
        let firedAt: APITime
        let outcome: String
        let reason: String?
        let jobID: String?
        let jobState: String?

        init(_ view: OccurrenceView, zone: String) {
            plannedAt = APITime(view.plannedAt)
            plannedAtLocal = ZonedTime(view.plannedAt, zone: zone).text
            firedAt = APITime(view.firedAt)
            outcome = view.outcome.rawValue
            reason = view.reason
            jobID = view.job?.description
            jobState = view.jobState?.rawValue
        }
    }

    let id: Int64
    let slug: String
    let institution: JobResponse.Named
    let integration: JobResponse.Named
    let kind: String
    let cron: String
    let timeZone: String
    let overlap: String
    let catchUp: CatchUpRule
    let jitterSeconds: Int
    let pauseAfterFailures: Int?
    let quiet: [Quiet]
    let paused: Bool
    /// The pause that holds now.
    let pause: Pause?
    /// Nil while it is paused without an end.
    let nextAt: APITime?
    /// `next_at` as a clock in the schedule's zone shows it.
    let nextAtLocal: String?
    let lastOccurrence: Occurrence?

    init(_ view: ScheduleView, now: Date) {
        let definition = view.definition
        let held = view.pause.flatMap { $0.covers(now) ? $0 : nil }
        let next = held != nil && held?.until == nil ? nil : view.nextAt
        id = view.id
        slug = view.slug
        institution = JobResponse.Named(view.institution)
        integration = JobResponse.Named(view.integration)
        kind = view.kind
        cron = definition.cron
        timeZone = definition.timeZone
        overlap = definition.overlap.rawValue
        catchUp = CatchUpRule(mode: definition.catchUp.mode.rawValue, windowSeconds: definition.catchUp.window)
        jitterSeconds = definition.jitterSeconds
        pauseAfterFailures = definition.pauseAfterFailures
        quiet = definition.quiet.map {
            Quiet(kind: $0.kind.rawValue, from: $0.from.words, until: $0.until.words, name: $0.name)
        }
        paused = held != nil
        pause = held.map {
            Pause(from: APITime($0.from), until: APITime($0.until), reason: $0.reason, by: $0.by)
        }
        nextAt = APITime(next)
        nextAtLocal = next.map { ZonedTime($0, zone: definition.timeZone).text }
        lastOccurrence = view.lastOccurrence.map { Occurrence($0, zone: definition.timeZone) }
    }
}

/// A schedule explained.
struct ScheduleDetailsResponse: Encodable {
    struct Words: Encodable {
        let expression: String
        let missingHour: String
        let doubledHour: String
        let overlap: String
        let catchUp: String
    }

    struct OddNight: Encodable {
        let date: String
        let change: String
        let effect: String
    }

    struct Upcoming: Encodable {
        let at: APITime
        let local: String
        let note: String?
    }

    let schedule: ScheduleResponse
    /// Nil if the schedule cannot be read; then `fault` says why.
    let words: Words?
    let fault: String?
    let next: [Upcoming]
    let oddNights: [OddNight]
    let occurrences: [ScheduleResponse.Occurrence]

    init(_ details: ScheduleDetails, now: Date) {
        let view = details.schedule
        schedule = ScheduleResponse(view, now: now)
        occurrences = details.occurrences.map { .init($0, zone: view.definition.timeZone) }
        do throws(ScheduleError) {
            let told = ScheduleWords(try view.definition.rules(), after: now, pause: view.pause)
            words = Words(
                expression: told.expression, missingHour: told.missingHour, doubledHour: told.doubledHour,
                overlap: view.definition.overlap.words, catchUp: view.definition.catchUp.words)
            next = told.next.map { Upcoming(at: APITime($0.instant), local: $0.local, note: $0.note) }
            oddNights = told.oddNights.map {
                OddNight(date: $0.date.description, change: $0.change, effect: $0.effect)
            }
            fault = nil
        } catch {
            (words, next, oddNights) = (nil, [], [])
            fault = error.description
        }
    }
}
