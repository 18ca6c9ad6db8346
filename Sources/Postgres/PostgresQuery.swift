/// One SQL statement whose values travel beside it, never inside its text.
///
/// ```swift
/// let query: PostgresQuery = "SELECT name FROM schools WHERE id = \(id) AND region = ANY(\(regions))"
/// ```
///
/// `String` is sent without a type, as a quoted literal would be, so that it fits text, enum, uuid and date columns
/// alike; where the server cannot tell (`coalesce(\(text), …)`), write `\(text)::text`. Everything else has its type:
/// `Int` is bigint, and `[String]` is text[].
package struct PostgresQuery: ExpressibleByStringInterpolation, Sendable, Hashable {
    /// With `$1`, `$2`, … for the values.
    package private(set) var sql: String
    var binds: [PostgresBind]
    // The texts between the values, so that queries can be joined: one more than there are values.
    private var fragments: [String]

    /// The values in the server's text format, with the object identifiers of their types (0 lets the server decide);
    /// for tools that run the statement elsewhere.
    package var values: [(type: UInt32, text: String?)] {
        binds.map { bind in (bind.type, bind.bytes.map { String(decoding: $0, as: UTF8.self) }) }
    }

    package init(stringLiteral sql: String) {
        self.sql = sql
        binds = []
        fragments = [sql]
    }

    /// A statement whose text is made elsewhere, such as a file of the program; never from input.
    package init(unescaped sql: String) {
        self.init(stringLiteral: sql)
    }

    package init(stringInterpolation: StringInterpolation) {
        self = stringInterpolation.query
    }

    /// Appends another piece with its values, for conditions that are put together.
    package mutating func append(_ other: PostgresQuery) {
        for (index, fragment) in other.fragments.enumerated() {
            if index > 0 { append(other.binds[index - 1]) }
            append(text: fragment)
        }
    }

    private mutating func append(text: String) {
        sql += text
        fragments[fragments.count - 1] += text
    }

    private mutating func append(_ bind: PostgresBind) {
        binds.append(bind)
        fragments.append("")
        sql += "$\(binds.count)"
    }

    /// Gathers the SQL and its values; a value becomes `$1`, never text.
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var query = PostgresQuery(stringLiteral: "")

        package init(literalCapacity: Int, interpolationCount: Int) {
            query.sql.reserveCapacity(literalCapacity + 3 * interpolationCount)
            query.binds.reserveCapacity(interpolationCount)
        }

        /// Takes SQL that stands in the source.
        package mutating func appendLiteral(_ literal: String) {
            query.append(text: literal)
        }

        /// Binds a value.
        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            query.append(PostgresBind(value))
        }

        /// Binds a value, or NULL.
        package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            query.append(PostgresBind(value))
        }

        /// Puts another piece of SQL here, with its values.
        package mutating func appendInterpolation(_ piece: PostgresQuery) {
            query.append(piece)
        }

        /// Puts text into the SQL as it is: for identifiers that the program itself knows, never for input.
        package mutating func appendInterpolation(unescaped text: String) {
            query.append(text: text)
        }
    }
}

/// A value on its way to the server.
package struct PostgresBind: Sendable, Hashable {
    /// The object identifier of its type; 0 lets the server decide.
    let type: UInt32
    /// Nil is NULL. In text format and without the final 0, unless `isBinary`.
    let bytes: [UInt8]?
    let isBinary: Bool

    init<Value: PostgresEncodable>(_ value: Value) {
        type = Value.postgresType
        var bytes: [UInt8] = []
        let isNull = !value.encode(into: &bytes)
        self.bytes = isNull ? nil : bytes
        // Text format ends at the first 0, and would silently cut the value. In binary format the server sees and
        // refuses it.
        isBinary = !isNull && (Value.isBinary || bytes.contains(0))
    }
}
