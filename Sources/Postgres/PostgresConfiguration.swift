/// Where a database is, who we are there, and every limit of talking to it.
package struct PostgresConfiguration: Sendable, Equatable, CustomStringConvertible {
    /// How far the connection is protected; as libpq's `sslmode`.
    package enum TLS: Sendable, Equatable {
        /// Plain text.
        case disable
        /// TLS if the server has it, without checking who it is.
        case prefer
        /// TLS or nothing, without checking who it is.
        case require
        /// TLS, with a certificate signed by an authority in the file (PEM) and made out to the host's name.
        case verifyFull(caFile: String)
    }

    /// How the server plans the statements of these connections.
    package enum Planning: Sendable, Equatable {
        /// For the values at hand, each time: right for reports, for tables that range from empty to millions of rows.
        case eachTime
        /// Once in a while for each statement, by index look-ups alone: for statements that touch few rows by key, whose
        /// planning would cost more than their work.
        ///
        /// A plan made while a table was all but empty may read it whole, and nobody tells the session that it has
        /// grown until the server analyses it: after `renewal`, all plans are made anew.
        case byIndex(renewal: Duration)

        /// Plans of at most 10 s of age.
        package static let onceByIndex = Planning.byIndex(renewal: .seconds(10))

        var options: String {
            switch self {
            case .eachTime: "-c plan_cache_mode=force_custom_plan"
            case .byIndex:
                """
                -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off \
                -c enable_mergejoin=off -c jit=off
                """
            }
        }
    }

    /// Names, addresses or folders of Unix sockets (which begin with `/`), tried in order until one accepts writes.
    package var hosts: [String]
    /// Of all hosts.
    package var port: Int
    package var database: String
    package var user: String
    /// Nil where the server asks for none.
    package var password: String?
    package var tls: TLS
    /// Shown by `pg_stat_activity`.
    package var applicationName: String
    /// For each host, from name resolution to the first prompt; default 10 s.
    package var connectTimeout: Duration
    /// How long the server lets a statement run; default 30 s, nil for ever. A connection that does not answer 15 s
    /// after that is given up.
    package var statementTimeout: Duration?
    /// Connections at most; 1 or more, default 10.
    package var poolSize: Int
    /// How long a caller waits for a connection of the pool; default 30 s.
    package var acquireTimeout: Duration
    /// Callers that may wait at once; default 10 000. The next one is refused.
    package var waiterLimit: Int
    /// Default `eachTime`.
    package var planning = Planning.eachTime
    /// After which an unused connection is closed; default 10 min.
    package var idleTimeout: Duration
    /// Prepared statements kept for each connection; default 256, the least recently used goes first.
    package var statementCacheSize: Int

    package init(
        hosts: [String] = ["localhost"], port: Int = 5432, database: String, user: String, password: String? = nil,
        tls: TLS = .prefer, applicationName: String = "rosterline", connectTimeout: Duration = .seconds(10),
        statementTimeout: Duration? = .seconds(30), poolSize: Int = 10, acquireTimeout: Duration = .seconds(30),
        waiterLimit: Int = 10_000, idleTimeout: Duration = .seconds(600), statementCacheSize: Int = 256
    ) {
        self.hosts = hosts
        self.port = port
        self.database = database
        self.user = user
        self.password = password
        self.tls = tls
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.poolSize = poolSize
        self.acquireTimeout = acquireTimeout
        self.waiterLimit = waiterLimit
        self.idleTimeout = idleTimeout
        self.statementCacheSize = statementCacheSize
    }

    /// One host; see the other initialiser for the rest, which can be set afterwards.
    package init(
        host: String, port: Int = 5432, database: String, user: String, password: String? = nil, tls: TLS = .prefer,
        poolSize: Int = 10
    ) {
        self.init(
            hosts: [host], port: port, database: database, user: user, password: password, tls: tls, poolSize: poolSize)
    }

    /// Without the password.
    package var description: String {
        let secret = password == nil ? "" : ":***"
        return "postgres://\(user)\(secret)@\(hosts.joined(separator: ",")):\(port)/\(database)"
    }
}
