/// One key of the configuration: what it may hold, and what it means to a person.
struct Setting: Sendable {
    enum Form: Sendable {
        case text
        case secret
        case whole(ClosedRange<Int>)
        case seconds(ClosedRange<Double>)
        case choice([String])

        /// How the help shows it.
        var words: String {
            switch self {
            case .text: "text"
            case .secret: "secret text; or its file as …File"
            case .whole(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
            case .seconds(let range): "seconds from \(range.lowerBound) to \(range.upperBound)"
            case .choice(let choices): choices.joined(separator: " or ")
            }
        }
    }

    /// Parts joined by dots, as in YAML: `worker.leaseSeconds`.
    let key: String
    let form: Form
    /// Nil: there is none, and whoever needs the key says so.
    let fallback: String?
    let help: String

    init(_ key: String, _ form: Form, default fallback: String? = nil, _ help: String) {
        self.key = key
        self.form = form
        self.fallback = fallback
        self.help = help
    }

    /// `ROSTERLINE_WORKER_LEASE_SECONDS`.
    var environmentName: String { Self.environmentName(of: key) }

    static func environmentName(of key: String) -> String {
        var name = "ROSTERLINE_"
        for character in key {
            if character == "." {
                name += "_"
            } else {
                if character.isUppercase { name += "_" }
                name += character.uppercased()
            }
        }
        return name
    }
}

extension Setting {
    /// Every key there is, in the order of the help.
    static let all: [Setting] = [
        Setting(
            "log.level", .choice(["trace", "debug", "info", "notice", "warning", "error"]), default: "info",
            "Least level that is logged."),
        Setting(
            "log.format", .choice(["json", "text"]), default: "json",
            "One JSON object for each line, or text for a terminal."),
        Setting(
            "postgres.url", .secret,
            "The database, as postgres://user:password@host:5432/database?sslmode=verify-full&sslrootcert=/ca.pem."),
        Setting("postgres.poolSize", .whole(2...200), default: "10", "Connections that one process opens at most."),
        Setting(
            "rabbitmq.url", .secret, "The broker, as amqps://user:password@host:5671/vhost; further hosts after commas."
        ),
        Setting(
            "rabbitmq.managementUrl", .secret,
            "The broker's management API, as https://user:password@host:15671; lets policies be checked."),
        Setting(
            "rabbitmq.watchSeconds", .seconds(1...60), default: "5",
            "Time between two looks at the broker's queues, rights and alarms; each is a login."),
        Setting("rabbitmq.prefix", .text, default: "rosterline", "Begins the names of queues and exchanges."),
        Setting(
            "artifacts.folder", .text, default: "/var/lib/rosterline/artifacts",
            "Where files of steps are kept; the same for all processes."),
        Setting(
            "scratch.folder", .text, default: "/tmp/rosterline",
            "Files that live as long as an attempt; on a disk of the machine's own."),
        Setting("worker.slots", .whole(1...1000), default: "4", "Steps that one worker runs at once."),
        Setting(
            "worker.kinds", .text, default: "extract,convert,import",
            "Kinds of step that the worker takes, with commas."),
        Setting(
            "worker.prefetch", .whole(1...2000), default: "16", "Doorbells of each kind that may wait in the process."),
        Setting(
            "worker.leaseSeconds", .seconds(0.5...600), default: "30",
            "How long a step is a worker's without being renewed."),
        Setting(
            "worker.drainSeconds", .seconds(0...3600), default: "25", "How long running steps may go on after SIGTERM."),
        Setting("worker.attempts", .whole(1...100), default: "8", "How often a step may fail before it stays failed."),
        Setting(
            "worker.throttles", .whole(1...1000), default: "20",
            "How often a step may be told to come later before it fails."),
        Setting(
            "worker.retrySeconds", .seconds(0.01...600), default: "15",
            "Bound of the first delay after a failure; it doubles."),
        Setting(
            "scheduler.intervalSeconds", .seconds(0.05...60), default: "1",
            "Time between two looks for schedules that are due."),
        Setting(
            "dispatcher.intervalSeconds", .seconds(0.01...60), default: "0.5",
            "Time between two looks into the outbox when nobody calls."),
        Setting(
            "dispatcher.window", .whole(1...10_000_000), default: "1000",
            "Steps that may be at the broker or running, over all institutions; the others wait in the outbox."),
        Setting(
            "dispatcher.silenceSeconds", .seconds(1...600), default: "20",
            "How long a dispatcher may be silent before another rings again what it rang."),
        Setting(
            "maintenance.intervalSeconds", .seconds(0.05...60), default: "5",
            "Time between two looks for expired leases."),
        Setting(
            "maintenance.patienceSeconds", .seconds(1...86_400), default: "300",
            "How long a rung step may go untaken before it is rung for again."),
        Setting(
            "maintenance.cancelSeconds", .seconds(0...3600), default: "5",
            "How long a cancelled job's step has to stop before its lease is taken away."),
        Setting(
            "maintenance.retentionDays", .whole(31...36_500), default: "400",
            "How long finished jobs are kept; whole months go."),
        Setting(
            "polling.intervalSeconds", .seconds(0.05...3600), default: "300",
            "Time between two questions to Canvas about one import."),
        Setting(
            "import.settleSeconds", .seconds(0...600), default: "75",
            "How long a request to Canvas may still arrive after its answer was lost."),
        Setting("roster.limitBytes", .whole(1 << 20...1 << 40), default: "50000000000", "Largest roster, unpacked."),
        Setting("status.host", .text, default: "127.0.0.1", "Address that the status service listens on."),
        Setting("status.port", .whole(0...65_535), default: "8080", "Its port; 0 takes a free one."),
        Setting("status.token", .secret, "Bearer token that pages and API ask for; without it everybody may read."),
        Setting("http.proxy", .text, "Proxy for requests to Canvas and to sources, as http://host:port."),
        Setting("http.caFile", .text, "Certificate authorities for them, as a PEM file; the system's otherwise."),
    ]
}
