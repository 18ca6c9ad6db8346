/// One SQL statement whose values travel beside it, never inside its text.
///
/// ```swift
/// let query: PostgresQuery = "SELECT name FROM schools WHERE id = \(id) AND region = ANY(\(regions))"
/// ```
///
/// `String` is sent without a type, as a quoted literal would be, so that it fits text, enum, uuid and date columns
/// alike; where the server cannot tell (`coalesce(\(text), …)`), write `\(text)::text`. Everything else has its type:
/// `Int` is bigint, and `[String]` is text[].
package struct PostgresQuery: ExpressibleByStringInterpolation, Sendable {
    /// The pieces of its text as they were put together; nil stands for the next value.
    ///
    /// They are neither copied nor joined before somebody asks for ``sql``: as a rule nobody does, since the server
    /// knows the statement by its name.
    private(set) var pieces: [String?]
    private(set) var binds: [PostgresBind]

    /// With `$1`, `$2`, … for the values.
    package var sql: String {
        var sql = ""
        var place = 0
        for piece in pieces {
            if let piece {
                sql += piece
            } else {
                place += 1
                sql += "$\(place)"
            }
        }
        return sql
    }

    /// The values in the server's text format, with the object identifiers of their types (0 lets the server decide);
    /// for tools that run the statement elsewhere.
    package var values: [(type: UInt32, text: String?)] {
        binds.map { bind in (bind.type, bind.bytes.map { String(decoding: $0, as: UTF8.self) }) }
    }

    package init(stringLiteral sql: String) {
        pieces = [sql]
        binds = []
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
        pieces += other.pieces
        binds += other.binds
    }

    private mutating func append(text: String) {
        if !text.isEmpty { pieces.append(text) }
    }

    private mutating func append(_ bind: PostgresBind) {
        pieces.append(nil)
        binds.append(bind)
    }

    /// Gathers the SQL and its values; a value becomes `$1`, never text.
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var query = PostgresQuery(pieces: [], binds: [])

        package init(literalCapacity: Int, interpolationCount: Int) {
            query.pieces.reserveCapacity(2 * interpolationCount + 1)
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

    private init(pieces: [String?], binds: [PostgresBind]) {
        self.pieces = pieces
        self.binds = binds
    }
}

/// A value on its way to the server.
package struct PostgresBind: Sendable {
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
