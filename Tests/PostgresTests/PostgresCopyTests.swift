import Postgres
import TestSupport
import Testing

private struct Refusal: Error {}

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresCopyTests {
    func withTable(_ body: (PostgresConnection) async throws -> Void) async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.execute("CREATE TABLE t (id int PRIMARY KEY, name text)")
            try await pool.withConnection(body)
        }
    }

    func stream(_ pieces: [[UInt8]], then failure: (any Error)? = nil) -> AsyncThrowingStream<[UInt8], any Error> {
        AsyncThrowingStream { continuation in
            for piece in pieces { continuation.yield(piece) }
            continuation.finish(throwing: failure)
        }
    }

    func count(_ connection: PostgresConnection) async throws -> Int {
        try await connection.query("SELECT count(*) FROM t")[0].decode(at: 0)
    }

    @Test func `rows go in from pieces cut anywhere`() async throws {
        try await withTable { (connection) async throws in
            let pieces = ["1\tAn", "a\n2\tZo", "ë\n", "3\t\\N\n"].map { Array($0.utf8) }
            #expect(try await connection.copyIn("COPY t FROM STDIN", from: stream(pieces)) == 3)
            let rows = try await connection.query("SELECT name FROM t ORDER BY id")
            #expect(try rows.map { try $0.decode("name", as: String?.self) } == ["Ana", "Zoë", nil])
        }
    }

    @Test func `many rows go in and come out again`() async throws {
        try await withTable { (connection) async throws in
            let pieces = (0..<200).map { piece in
                Array((0..<500).map { "\(piece * 500 + $0)\tname of a person\n" }.joined().utf8)
            }
            #expect(try await connection.copyIn("COPY t FROM STDIN", from: stream(pieces)) == 100_000)
            var bytes = 0
            var lines = 0
            for try await piece in try await connection.copyOut("COPY t TO STDOUT") {
                bytes += piece.count
                lines += piece.count { $0 == 10 }
            }
            #expect(lines == 100_000)
            #expect(bytes == pieces.reduce(0) { $0 + $1.count })
            #expect(try await count(connection) == 100_000)
        }
    }

    @Test func `a copy inside a transaction goes with it`() async throws {
        try await withTable { (connection) async throws in
            await #expect(throws: Refusal.self) {
                try await connection.withTransaction { (transaction) async throws in
                    try await transaction.copyIn("COPY t FROM STDIN", from: stream([Array("1\ta\n".utf8)]))
                    throw Refusal()
                }
            }
            #expect(try await count(connection) == 0)
        }
    }

    @Test func `a bad row refuses the whole copy, and the connection goes on`() async throws {
        try await withTable { (connection) async throws in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.copyIn("COPY t FROM STDIN", from: stream([Array("1\ta\nx\tb\n".utf8)]))
            }
            #expect(error?.sqlState == .invalidTextRepresentation)
            #expect(try await count(connection) == 0)
        }
    }

    @Test func `a source that fails leaves nothing behind`() async throws {
        try await withTable { (connection) async throws in
            await #expect(throws: Refusal.self) {
                try await connection.copyIn("COPY t FROM STDIN", from: stream([Array("1\ta\n".utf8)], then: Refusal()))
            }
            #expect(try await count(connection) == 0)
        }
    }

    @Test func `cancelling a copy in leaves nothing behind`() async throws {
        try await withTable { (connection) async throws in
            let (endless, input) = AsyncStream<[UInt8]>.makeStream()
            input.yield(Array("1\ta\n".utf8))
            let task = Task { try await connection.copyIn("COPY t FROM STDIN", from: endless) }
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(try await count(connection) == 0)
        }
    }

    @Test func `a copy that nobody reads to its end is ended by the next statement`() async throws {
        try await withTable { (connection) async throws in
            let copy = try await connection.copyOut("COPY (SELECT generate_series(1, 10000000)) TO STDOUT")
            var iterator = copy.makeAsyncIterator()
            #expect(try await iterator.next()?.isEmpty == false)
            #expect(try await count(connection) == 0)
            let error = await #expect(throws: PostgresError.self) {
                while try await iterator.next() != nil {}
            }
            #expect(error?.code == .closed)
        }
    }

    @Test(arguments: ["SELECT 1", "COPY t TO STDOUT", "COPY nowhere FROM STDIN", "nonsense"])
    func `what is no copy in is refused, and the connection goes on`(sql: String) async throws {
        try await withTable { (connection) async throws in
            await #expect(throws: PostgresError.self) { try await connection.copyIn(sql, from: stream([])) }
            #expect(try await count(connection) == 0)
        }
    }
}
