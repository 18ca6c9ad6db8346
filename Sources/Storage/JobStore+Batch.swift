import FoundationEssentials
import Jobs
import Postgres

/// What a batch of requests looks like to Postgres: tables whose rows are in the order of the batch, counted from 1 by
/// `place`.
///
/// One that comes alone is named by values, which Postgres puts in the place of the table: lists are written, read and
/// joined at a price.
extension JobStore {
    /// `(id, integration_id, kind, posted_by, priority)`.
    static func jobs(_ requests: [JobRequest]) -> PostgresQuery {
        guard requests.count == 1, let request = requests.first else {
            return """
                (SELECT * FROM unnest(\(requests.map(\.id.uuid))::uuid[], \(requests.map(\.integration))::bigint[],
                    \(requests.map(\.kind.rawValue))::text[], \(requests.map(\.postedBy))::text[],
                    \(requests.map(\.priority.rawValue))::smallint[]) AS l (id, integration_id, kind, posted_by, priority))
                """
        }
        return """
            (SELECT \(request.id.uuid)::uuid AS id, \(request.integration)::bigint AS integration_id,
                \(request.kind.rawValue)::text AS kind, \(request.postedBy)::text AS posted_by,
                \(request.priority.rawValue)::smallint AS priority)
            """
    }

    /// `(job_id, integration_id, ordinal, kind, version, run_after, place)`.
    static func steps(_ requests: [JobRequest]) -> PostgresQuery {
        guard requests.count == 1, let request = requests.first else {
            let steps = requests.enumerated().flatMap { place, request in
                request.steps.enumerated().map { (request, Int16($0 + 1), $1.rawValue, place + 1) }
            }
            return """
                (SELECT * FROM unnest(\(steps.map(\.0.id.uuid))::uuid[], \(steps.map(\.0.integration))::bigint[],
                    \(steps.map(\.1))::smallint[], \(steps.map(\.2))::text[], \(steps.map(\.0.version))::smallint[],
                    \(steps.map(\.0.runAfter))::timestamptz[], \(steps.map(\.3))::bigint[])
                    AS l (job_id, integration_id, ordinal, kind, version, run_after, place))
                """
        }
        return """
            (SELECT \(request.id.uuid)::uuid AS job_id, \(request.integration)::bigint AS integration_id,
                l.ordinal::smallint AS ordinal, l.kind, \(request.version)::smallint AS version,
                \(request.runAfter)::timestamptz AS run_after, 1 AS place
            FROM unnest(\(request.steps.map(\.rawValue))::text[]) WITH ORDINALITY AS l (kind, ordinal))
            """
    }

    /// What a job comes after: one of its own batch, or one that is there already.
    typealias Predecessor = (ours: UUID?, other: UUID?)

    /// What comes after a job of the same batch is told apart here: the statement joins none of its lists, which have
    /// no index, so that a batch costs what its jobs cost.
    static func predecessors(of requests: [JobRequest]) -> [Predecessor] {
        let ids = Set(requests.map(\.id))
        return requests.map { request in
            let isOurs = request.afterJob.map(ids.contains) ?? false
            return (ours: isOurs ? request.afterJob?.uuid : nil, other: isOurs ? nil : request.afterJob?.uuid)
        }
    }

    /// `(job_id, integration_id, job_kind, kind, version, priority, run_after, after_ours, after_other, place)`, the
    /// first step of each.
    static func tickets(_ requests: [JobRequest], after: [Predecessor]) -> PostgresQuery {
        guard requests.count == 1, let request = requests.first, let after = after.first else {
            return """
                unnest(\(requests.map(\.id.uuid))::uuid[], \(requests.map(\.integration))::bigint[],
                    \(requests.map(\.kind.rawValue))::text[], \(requests.map { $0.steps.first?.rawValue })::text[],
                    \(requests.map(\.version))::smallint[], \(requests.map(\.priority.rawValue))::smallint[],
                    \(requests.map(\.runAfter))::timestamptz[], \(after.map(\.ours))::uuid[], \(after.map(\.other))::uuid[])
                    WITH ORDINALITY AS t (job_id, integration_id, job_kind, kind, version, priority, run_after, after_ours,
                        after_other, place)
                """
        }
        return """
            (SELECT \(request.id.uuid)::uuid AS job_id, \(request.integration)::bigint AS integration_id,
                \(request.kind.rawValue)::text AS job_kind, \(request.steps.first?.rawValue)::text AS kind,
                \(request.version)::smallint AS version, \(request.priority.rawValue)::smallint AS priority,
                \(request.runAfter)::timestamptz AS run_after, \(after.ours)::uuid AS after_ours,
                \(after.other)::uuid AS after_other, 1 AS place) AS t
            """
    }

    /// What the dispatchers are told; see ``OutboxNotice``. A job that comes alone and may run at once can be rung for
    /// without a look, by the dispatcher that was seen last, if its institution has no limits and nothing is paused.
    static func notice(of requests: [JobRequest]) -> PostgresQuery {
        guard requests.count == 1, let request = requests.first, let kind = request.steps.first,
            request.afterJob == nil, request.runAfter == nil
        else { return "''" }
        let message = StepMessage(job: request.id, ordinal: 1, kind: kind, version: request.version)
        return """
            coalesce((
                SELECT d.id || ' ' || \(OutboxNotice.text(of: message))::text
                FROM integration i JOIN institution n ON n.id = i.institution_id CROSS JOIN dispatcher d
                WHERE i.id = \(request.integration) AND n.concurrent_steps IS NULL AND n.steps_per_minute IS NULL
                    AND NOT EXISTS (SELECT FROM pause)
                ORDER BY d.seen_at DESC LIMIT 1), '')
            """
    }
}
