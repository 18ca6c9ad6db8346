import CPostgres
import Glibc

/// The one owner of a `PGresult`.
///
/// Rows share it; cells stay in the library's memory until somebody decodes them.
@safe final class PostgresResult: Sendable {
    // Sound: libpq never writes to a result once PQgetResult has returned it, and says that it may then be read by any
    // thread (https://www.postgresql.org/docs/15/libpq-threading.html). It is freed once, by the last owner.
    nonisolated(unsafe) private let pointer: OpaquePointer
    let rowCount: Int
    let columnCount: Int

    init(_ pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
        rowCount = Int(unsafe PQntuples(pointer))
        columnCount = Int(unsafe PQnfields(pointer))
    }

    deinit {
        unsafe PQclear(pointer)
    }

    var status: ExecStatusType { unsafe PQresultStatus(pointer) }

    /// Rows that an INSERT, UPDATE, DELETE, SELECT, MERGE or COPY touched; 0 for other statements.
    var affectedRows: Int {
        guard let text = unsafe PQcmdTuples(pointer) else { return 0 }
        return Int(unsafe String(cString: text)) ?? 0
    }

    /// Such as `COMMIT` or `INSERT 0 1`.
    var commandTag: String {
        guard let text = unsafe PQcmdStatus(pointer) else { return "" }
        return unsafe String(cString: text)
    }

    /// Counted from 0; nil when no column has that name. The first of several.
    func columnIndex(_ name: String) -> Int? {
        for column in 0..<columnCount {
            guard let candidate = unsafe PQfname(pointer, Int32(column)) else { continue }
            // Compared byte by byte: PQfnumber would fold the case of unquoted names.
            let isEqual = unsafe name.withCString { unsafe strcmp($0, candidate) == 0 }
            if isEqual { return column }
        }
        return nil
    }

    func columnName(_ column: Int) -> String {
        guard let name = unsafe PQfname(pointer, Int32(column)) else { return "\(column)" }
        return unsafe String(cString: name)
    }

    /// Lends the text of a cell; nil is NULL. The indices must be in range.
    func withCell<Result>(row: Int, column: Int, _ body: (Span<UInt8>?) -> Result) -> Result {
        let (row, column) = (Int32(row), Int32(column))
        if unsafe PQgetisnull(pointer, row, column) != 0 { return body(nil) }
        let count = Int(unsafe PQgetlength(pointer, row, column))
        let start = unsafe UnsafeRawPointer(PQgetvalue(pointer, row, column))?.assumingMemoryBound(to: UInt8.self)
        let buffer = unsafe UnsafeBufferPointer(start: start, count: unsafe start == nil ? 0 : count)
        return body(unsafe buffer.span)
    }

    /// The error that this result stands for.
    func error(operation: String, sql: String?) -> PostgresError {
        var details = PostgresError.Details()
        details.message = field(.message)
        details.detail = field(.detail)
        details.hint = field(.hint)
        details.table = field(.table)
        details.column = field(.column)
        details.constraint = field(.constraint)
        details.position = field(.position).flatMap { Int($0) }
        details.sql = sql
        guard let state = field(.sqlState) else {
            // The library makes such results itself, when the connection breaks.
            let message = unsafe PQresultErrorMessage(pointer).map { unsafe String(cString: $0) }
            return .lost(operation, message: message ?? "")
        }
        return .server(SQLState(rawValue: state), operation: operation, details: details)
    }

    /// The function of the server's source that raised the error: stable where texts are translated.
    var sourceFunction: String? { field(.sourceFunction) }

    private func field(_ field: Field) -> String? {
        unsafe PQresultErrorField(pointer, Int32(field.rawValue.value)).map { unsafe String(cString: $0) }
    }
}

extension PostgresResult {
    /// The parts of an error or a notice; the library's macros are characters, which Swift does not import.
    /// - SeeAlso: https://www.postgresql.org/docs/15/libpq-exec.html#LIBPQ-PQRESULTERRORFIELD
    enum Field: Unicode.Scalar {
        case severity = "V"
        case sqlState = "C"
        case message = "M"
        case detail = "D"
        case hint = "H"
        case position = "P"
        case table = "t"
        case column = "c"
        case constraint = "n"
        case sourceFunction = "R"
    }
}
