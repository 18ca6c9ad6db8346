import CPostgres

/// What is sent in one go, and what has come back so far.
///
/// Pure but for the results it keeps: results in, in the order of the protocol; statements' outcomes out.
struct PostgresExchange {
    enum Item: Equatable {
        /// BEGIN, which rides along with the first statement of a transaction.
        case prefix(String)
        /// Cached plans go, so that later statements are planned for the tables as they are now.
        case replan
        case deallocate(String)
        case prepare(StatementCache.Key, name: String)
        /// The query at that place.
        case query(Int)
    }

    enum Phase: Equatable {
        case running
        case done
        case copyingIn
        case copyingOut
    }

    /// Nil for a script: the number of its statements is not known before.
    let items: [Item]?
    let operation: String
    private let statements: [PostgresQuery]
    private var position = 0

    private(set) var phase = Phase.running
    /// Of the queries, in order; of the statements of a script.
    private(set) var results: [PostgresResult] = []
    /// What the session has learnt, also when a later item failed.
    private(set) var confirmed: [Item] = []
    private(set) var failure: PostgresError?
    /// The failure is about our prepared statement, not about the query: prepare it anew and try again.
    private(set) var isStale = false

    init(items: [Item]?, statements: [PostgresQuery], operation: String) {
        self.items = items
        self.statements = statements
        self.operation = operation
    }

    /// Nil ends the answer to one item, or a whole script.
    mutating func receive(_ result: PostgresResult?) throws {
        guard let result else {
            if items == nil { phase = .done }
            position += 1
            if let items, position > items.count { throw unexpected("too many answers") }
            return
        }
        switch result.status {
        case PGRES_PIPELINE_SYNC: phase = .done
        case PGRES_PIPELINE_ABORTED: break
        case PGRES_COPY_IN: phase = .copyingIn
        case PGRES_COPY_OUT: phase = .copyingOut
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_SINGLE_TUPLE: succeed(result)
        default: fail(result)
        }
    }

    /// The copy's data is through; the result follows.
    mutating func finishCopy() {
        phase = .running
    }

    private mutating func succeed(_ result: PostgresResult) {
        guard let items, position < items.count else {
            results.append(result)
            return
        }
        if case .query = items[position] { results.append(result) } else { confirmed.append(items[position]) }
    }

    private mutating func fail(_ result: PostgresResult) {
        guard failure == nil else { return }
        var statement = statements.first
        if let items, position < items.count, case .query(let index) = items[position] { statement = statements[index] }
        let error = result.error(operation: operation, sql: statement?.sql)
        failure = error
        let isPlanStale =
            error.sqlState == .featureNotSupported && result.sourceFunction == "RevalidateCachedQuery"
        isStale = isPlanStale || error.sqlState == .invalidStatementName
    }

    private func unexpected(_ what: String) -> PostgresError {
        PostgresError(.protocolViolation, operation: operation, remedy: "Report this: \(what).")
    }
}
