/// Names of this module's log fields and metrics.
enum StatusKeys {
    enum Log {
        static let method = "http.method"
        /// The route's pattern, never the address itself: that may hold what people typed.
        static let route = "http.route"
        static let status = "http.status"
        static let milliseconds = "milliseconds"
        static let requestID = "request.id"
        static let error = "error"
        static let host = "host"
        static let port = "port"
    }

    enum Metric {
        static let databaseUp = "rosterline_database_up"
        static let steps = "rosterline_steps"
        static let outboxDepth = "rosterline_outbox_depth"
        static let outboxOldestSeconds = "rosterline_outbox_oldest_age_seconds"
        static let expiredLeases = "rosterline_expired_leases"

        /// What Prometheus shows beside the names.
        static let help: [String: String] = [
            databaseUp: "1 if Postgres answered this scrape, else 0.",
            steps: "Steps that have not ended, by state; and those that failed and wait for somebody, up to 10 000.",
            outboxDepth: "Doorbells that are due and that the broker has not confirmed.",
            outboxOldestSeconds: "Age of the oldest doorbell that is due; 0 if there is none.",
            expiredLeases: "Running steps whose lease has run out and that wait for a rescue.",
        ]
    }
}
