/// The rows that a statement returned, all in memory.
package struct PostgresRows: RandomAccessCollection, Sendable {
    let result: PostgresResult?

    package var startIndex: Int { 0 }
    package var endIndex: Int { result?.rowCount ?? 0 }

    /// Rows touched, as the server counts them for this statement.
    package var affectedRows: Int { result?.affectedRows ?? 0 }

    /// The names of the columns, in order.
    package var columns: [String] {
        result.map { result in (0..<result.columnCount).map { result.columnName($0) } } ?? []
    }

    package subscript(position: Int) -> PostgresRow {
        guard let result, position >= 0, position < result.rowCount else {
            preconditionFailure("row \(position) of \(count)")
        }
        return PostgresRow(result: result, row: position)
    }
}

/// One row; keeps all rows of its statement in memory while it lives.
package struct PostgresRow: Sendable {
    let result: PostgresResult
    let row: Int

    /// Reads the column of that name, exactly spelt; `T` may be optional where the column may be NULL.
    /// - Throws: `PostgresError` with `.decoding` when there is no such column, or its value is no `T`.
    package func decode<T: PostgresDecodable>(_ column: String, as type: T.Type = T.self) throws -> T {
        guard let index = result.columnIndex(column) else {
            throw PostgresError(
                .decoding, operation: "read column \(column)", remedy: "Select it; there is no such column.")
        }
        return try decode(at: index, as: type)
    }

    /// Reads the first columns in order: `let (id, name) = try row.decode((Int.self, String?.self))`.
    /// - Throws: `PostgresError` with `.decoding`.
    package func decode<each T: PostgresDecodable>(_ types: (repeat (each T).Type)) throws -> (repeat each T) {
        var index = 0
        return try (repeat next(each types, &index))
    }

    /// Reads a column by its place, from 0.
    package func decode<T: PostgresDecodable>(at index: Int, as type: T.Type = T.self) throws -> T {
        guard index >= 0, index < result.columnCount else {
            throw PostgresError(
                .decoding, operation: "read column \(index)", remedy: "Select it; there are \(result.columnCount).")
        }
        let value: T? = result.withCell(row: row, column: index) { cell in
            guard let cell else { return T.postgresNull }
            return T(postgresText: cell)
        }
        guard let value else {
            let isNull = result.withCell(row: row, column: index) { $0 == nil }
            throw PostgresError(
                .decoding, operation: "read column \(result.columnName(index)) as \(T.self)",
                remedy: isNull ? "It is NULL; ask for an optional." : "Ask for the type that the column has.")
        }
        return value
    }

    private func next<T: PostgresDecodable>(_ type: T.Type, _ index: inout Int) throws -> T {
        defer { index += 1 }
        return try decode(at: index, as: type)
    }
}
