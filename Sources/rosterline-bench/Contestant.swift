/// Who does the durable job.
enum Contestant: String, CaseIterable, Codable, Sendable {
    case engine
    /// The engine with an institution that has limits, too high to hold anything up: what counting costs.
    case limited = "engine-limited"
    /// The C program with the engine's own statements: what is left of this is what our Swift costs.
    case engineInC = "c-engine-sql"
    case plainC = "c"
    case pika
    case dramatiq
    case procrastinate
    case celery

    var title: String {
        switch self {
        case .engine: "Rosterline"
        case .limited: "Rosterline, both limits"
        case .engineInC: "C, our statements"
        case .plainC: "C, two plain statements"
        case .pika: "pika by hand, batches of 100"
        case .dramatiq: "Dramatiq, status rows"
        case .procrastinate: "Procrastinate"
        case .celery: "Celery, database results"
        }
    }

    /// Whether it is one of those that the engine must be ahead of.
    var isPeer: Bool {
        switch self {
        case .pika, .dramatiq, .procrastinate, .celery: true
        case .engine, .limited, .engineInC, .plainC: false
        }
    }

    /// Whether the engine's own processes do its work.
    var isEngine: Bool { self == .engine || self == .limited }

    /// Whether it does its work with the engine's tables and queues.
    var usesEngine: Bool { isEngine || self == .engineInC }

    /// Whether a drain tells something of it: limits are looked at when a job is dispatched, and then all are.
    var canDrain: Bool { self != .limited }

    /// Whether it begins jobs; the C program with the engine's statements only works on them.
    var canBegin: Bool { self != .engineInC }

    /// Whether its worker ends once it has done what it was asked for.
    var endsByItself: Bool {
        switch self {
        case .engine, .limited, .engineInC, .plainC, .pika: true
        case .dramatiq, .procrastinate, .celery: false
        }
    }

    /// The file of its program, if it is one of Python's.
    var program: String? { isPeer ? "\(rawValue)_peer.py" : nil }

    /// How many of `count` jobs it is given, so that it takes seconds and not minutes.
    func share(of count: Int) -> Int {
        switch self {
        case .engine, .limited, .engineInC, .plainC, .pika: count
        case .dramatiq: max(500, count / 20)
        case .procrastinate: max(300, count / 50)
        case .celery: max(200, count / 100)
        }
    }

    /// Of the jobs that were begun for a measurement, and not to be history for it.
    private static let isRecent = "job_id >= uuid_floor(now() - interval '50 minutes')"

    /// SQL that is true once a job has been started.
    var hasBegun: String {
        switch self {
        case .engine, .limited, .engineInC:
            "SELECT EXISTS (SELECT FROM step WHERE started_at IS NOT NULL AND \(Self.isRecent))"
        case .procrastinate: "SELECT EXISTS (SELECT FROM procrastinate_events WHERE type = 'started')"
        case .celery: "SELECT EXISTS (SELECT FROM celery_taskmeta)"
        case .plainC, .pika, .dramatiq: "SELECT EXISTS (SELECT FROM bench_job)"
        }
    }

    /// SQL that answers how many jobs are completed, and the seconds from the first start to the last end by the clock
    /// of the database (Celery keeps no start, so from the first end, and by its own clock).
    var progress: String {
        switch self {
        case .engine, .limited, .engineInC:
            """
            SELECT count(*), extract(epoch FROM max(finished_at) - min(started_at))::float8
            FROM step WHERE state = 'completed' AND \(Self.isRecent)
            """
        case .procrastinate:
            """
            SELECT count(*) FILTER (WHERE type = 'succeeded'),
                extract(epoch FROM max(at) FILTER (WHERE type = 'succeeded') - min(at) FILTER (WHERE type = 'started'))::float8
            FROM procrastinate_events
            """
        case .celery:
            """
            SELECT count(*), extract(epoch FROM max(date_done) - min(date_done))::float8
            FROM celery_taskmeta WHERE status = 'SUCCESS'
            """
        case .plainC, .pika, .dramatiq:
            """
            SELECT count(*), extract(epoch FROM max(finished_at) - min(started_at))::float8
            FROM bench_job WHERE state = 'completed'
            """
        }
    }
}
