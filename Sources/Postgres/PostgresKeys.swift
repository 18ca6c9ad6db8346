/// The names under which this module logs.
package enum PostgresKeys {
    package enum Log {
        package static let host = "postgres.host"
        package static let port = "postgres.port"
        package static let database = "postgres.database"
        package static let sqlState = "postgres.sqlstate"
        package static let severity = "postgres.severity"
        package static let notice = "postgres.notice"
        package static let error = "error"
        package static let attempt = "postgres.attempt"
        package static let outageSeconds = "postgres.outage_seconds"
        package static let channels = "postgres.channels"
        package static let migration = "postgres.migration"
        package static let durationMilliseconds = "duration_ms"
    }
}
