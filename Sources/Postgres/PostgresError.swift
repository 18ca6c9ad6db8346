/// What went wrong between us and PostgreSQL.
///
/// `description` is short and holds neither data nor SQL, for logs; `debugDescription` holds what the server said,
/// which may quote rows.
package struct PostgresError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package enum Code: Sendable, Equatable {
        /// A configuration that cannot be understood.
        case invalidConfiguration
        /// No connection could be had: name, address, TLS, or the server's refusal; see `sqlState` for the latter.
        case connectionFailed
        /// The server knows no such user, or the password is wrong.
        case authenticationFailed
        /// The connection broke while in use. What was under way may or may not have happened.
        case connectionLost
        /// The connection broke after COMMIT had been sent: the transaction may or may not have happened.
        case commitOutcomeUnknown
        /// The connection, pool or copy was closed on this side before.
        case closed
        /// The server refused the statement; `sqlState` says why.
        case server
        /// The body swallowed an error of the transaction, so the server rolled back instead of committing.
        case rolledBack
        /// No connection became free in time.
        case acquireTimedOut
        /// Too many callers wait for a connection already.
        case queueFull
        /// The server did not answer within the time limit.
        case timedOut
        /// The task was cancelled; the server was told to stop.
        case cancelled
        /// A column is missing, or holds what the asked type cannot hold.
        case decoding
        /// The library was used in an order, or answered in a way, that makes no sense.
        case protocolViolation
        /// A migration was changed after it had been applied, or the database is ahead of this program.
        case migrationConflict
    }

    package let code: Code
    /// What was being done; never data.
    package let operation: String
    /// What to do about it.
    package let remedy: String
    /// The server's own code, where the server spoke.
    package let sqlState: SQLState?
    /// Whether the same call may succeed later.
    package let isTransient: Bool
    /// What the server said beyond its code; may quote data, so only for debugging.
    package let details: Details

    /// The server's own words.
    package struct Details: Sendable, Equatable {
        package var message: String?
        package var detail: String?
        package var hint: String?
        package var table: String?
        package var column: String?
        /// Names the violated constraint; a name, no data.
        package var constraint: String?
        /// The place in the SQL, counted in characters from 1.
        package var position: Int?
        package var sql: String?

        package init(message: String? = nil) {
            self.message = message
        }
    }

    init(
        _ code: Code, operation: String, remedy: String, sqlState: SQLState? = nil, isTransient: Bool = false,
        details: Details = Details()
    ) {
        self.code = code
        self.operation = operation
        self.remedy = remedy
        self.sqlState = sqlState
        self.isTransient = isTransient
        self.details = details
    }

    /// The violated constraint's name.
    package var constraint: String? { details.constraint }

    /// What failed, why, and what to do; `code` is for programs.
    package var description: String {
        let names = [sqlState.map { "SQLSTATE \($0)" }, details.constraint.map { "rule \($0)" }].compactMap { $0 }
        let place = names.isEmpty ? "" : " (\(names.joined(separator: ", ")))"
        return "Could not \(operation): \(code.reason)\(place). \(remedy)"
    }

    package var debugDescription: String {
        let words = [
            details.message, details.detail.map { "DETAIL: \($0)" }, details.hint.map { "HINT: \($0)" },
            details.position.map { "POSITION: \($0)" }, details.sql.map { "SQL: \($0)" },
        ]
        return ([description] + words.compactMap { $0 }).joined(separator: "\n")
    }
}

extension PostgresError.Code {
    /// In words, to follow a colon.
    var reason: String {
        switch self {
        case .invalidConfiguration: "it cannot be understood"
        case .connectionFailed: "no connection to the database could be had"
        case .authenticationFailed: "the database does not accept user and password"
        case .connectionLost: "the connection to the database broke"
        case .commitOutcomeUnknown: "the connection broke after COMMIT, which may or may not have happened"
        case .closed: "the connection had been closed on this side"
        case .server: "the database refused it"
        case .rolledBack: "a statement before had failed, so the database rolled back"
        case .acquireTimedOut: "no connection became free in time"
        case .queueFull: "too many wait for a connection already"
        case .timedOut: "the database did not answer in time"
        case .cancelled: "it was cancelled"
        case .decoding: "the value is missing, or of another type"
        case .protocolViolation: "the exchange with the database makes no sense"
        case .migrationConflict: "the migrations do not fit the database"
        }
    }
}

extension PostgresError {
    /// For a statement that the server refused.
    static func server(_ state: SQLState, operation: String, details: Details) -> PostgresError {
        PostgresError(
            .server, operation: operation, remedy: remedy(for: state), sqlState: state, isTransient: state.isTransient,
            details: details)
    }

    static func cancelled(_ operation: String) -> PostgresError {
        PostgresError(.cancelled, operation: operation, remedy: "Nothing to do: the caller gave up.", isTransient: true)
    }

    static func closed(_ operation: String) -> PostgresError {
        PostgresError(.closed, operation: operation, remedy: "Take another connection.")
    }

    static func lost(_ operation: String, message: String) -> PostgresError {
        PostgresError(
            .connectionLost, operation: operation,
            remedy: "Try again; look at the server and the network if it repeats.",
            isTransient: true, details: Details(message: message))
    }

    private static func remedy(for state: SQLState) -> String {
        switch state {
        case .queryCanceled: "Raise the statement timeout, or make the statement cheaper."
        case .serializationFailure, .deadlockDetected: "Repeat the whole transaction."
        case .lockNotAvailable: "Try again when the other session has finished."
        case .undefinedTable, .undefinedColumn: "Apply the migrations."
        case .insufficientPrivilege: "Grant the user what it needs."
        default:
            switch state.rawValue.prefix(2) {
            case "23": "The data breaks a rule of the schema; correct the data."
            case "53": "The server is out of resources; look at its limits."
            case "57": "The server is being stopped or started; try again."
            default: "Turn on debug logging to see the server's words."
            }
        }
    }
}
