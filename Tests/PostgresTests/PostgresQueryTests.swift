import FoundationEssentials
import TestSupport
import Testing

@testable import Postgres

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresQueryTests {
    @Test func `values travel as binds, never as text`() {
        let name = "'; DROP TABLE people; --"
        let query: PostgresQuery = "SELECT * FROM people WHERE name = \(name) AND id = \(7)"
        #expect(query.sql == "SELECT * FROM people WHERE name = $1 AND id = $2")
        #expect(query.binds.map(\.type) == [0, 20])
    }

    @Test func `pieces of SQL are joined and their values numbered on`() {
        var query: PostgresQuery = "SELECT \(1)"
        let condition: PostgresQuery = "a = \(2) AND b = \("x")"
        query.append(" WHERE \(condition) LIMIT \(3)")
        #expect(query.sql == "SELECT $1 WHERE a = $2 AND b = $3 LIMIT $4")
        let column = "name"
        let other: PostgresQuery = "SELECT \(unescaped: column) FROM t"
        #expect(other.sql == "SELECT name FROM t")
    }

    @Test func `every type comes back as it went`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let id = UUID()
            let date = Date(timeIntervalSince1970: 1_234_567.891_234)
            let bytes: [UInt8] = [0, 1, 255, 92, 120]
            let row = try #require(
                try await pool.query(
                    """
                    SELECT \("Zoë 'x' \\ \"")::text, \(Int.min), \(Int16.max), \(Int32.min),
                        \(Int64.max), \(true), \(0.1), \(id),
                        \(date), \(bytes), \(PostgresJSON("{\"a\": [1]}")), \(nil as String?)::text, \(nil as Int?),
                        \(Double.infinity)
                    """
                ).first)
            let types = (
                String.self, Int.self, Int16.self, Int32.self, Int64.self, Bool.self, Double.self, UUID.self, Date.self,
                [UInt8].self, PostgresJSON.self, String?.self, Int?.self, Double.self
            )
            let value = try row.decode(types)
            #expect(value.0 == "Zoë 'x' \\ \"")
            #expect(value.1 == .min)
            #expect(value.2 == .max)
            #expect(value.3 == .min)
            #expect(value.4 == .max)
            #expect(value.5)
            #expect(value.6 == 0.1)
            #expect(value.7 == id)
            #expect(abs(value.8.timeIntervalSince(date)) < 0.000_001)
            #expect(value.9 == bytes)
            #expect(value.10.text == #"{"a": [1]}"#)
            #expect(value.11 == nil)
            #expect(value.12 == nil)
            #expect(value.13 == .infinity)
        }
    }

    @Test func `every array comes back as it went, with its NULLs`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let texts = ["", "NULL", "a,b", "{}", "\"q\" \\ é", " "]
            let some: [String?] = ["x", nil, ""]
            let dates: [Date?] = [Date(timeIntervalSince1970: 0), nil]
            let ids = [UUID(), UUID()]
            let row = try #require(
                try await pool.query(
                    """
                    SELECT \(texts), \(some), \([1, -2]), \([nil, 5] as [Int64?]), \([true, false]), \(ids), \(dates),
                        \([] as [String])
                    """
                ).first)
            #expect(try row.decode(at: 0, as: [String].self) == texts)
            #expect(try row.decode(at: 1, as: [String?].self) == some)
            #expect(try row.decode(at: 2, as: [Int].self) == [1, -2])
            #expect(try row.decode(at: 3, as: [Int64?].self) == [nil, 5])
            #expect(try row.decode(at: 4, as: [Bool].self) == [true, false])
            #expect(try row.decode(at: 5, as: [UUID].self) == ids)
            #expect(try row.decode(at: 6, as: [Date?].self) == dates)
            #expect(try row.decode(at: 7, as: [String].self).isEmpty)
        }
    }

    @Test(arguments: [
        ("1970-01-01 00:00:00+00", 0.0), ("2000-02-29 12:34:56.5+02", 951_820_496.5),
        ("1969-12-31 23:59:59.999999+00", -0.000_001),
        ("2024-03-10 00:00:00", 1_710_028_800), ("2024-03-10", 1_710_028_800),
        ("1600-03-01 00:00:00-05:30", -11_670_892_200),
    ])
    func `dates of the server are read to the microsecond`(text: String, seconds: Double) throws {
        let read = Date(postgresText: text.utf8.span)
        let date = try #require(read)
        #expect(abs(date.timeIntervalSince1970 - seconds) < 0.000_000_5)
    }

    @Test(arguments: [-62_135_596_800.0, -11_670_998_400, -1, 0.25, 951_782_400, 4_102_444_799, 64_092_211_200])
    func `a date survives the way through the server's text`(seconds: Double) {
        var bytes: [UInt8] = []
        _ = Date(timeIntervalSince1970: seconds).encode(into: &bytes)
        let read = Date(postgresText: bytes.span)
        #expect(read?.timeIntervalSince1970 == seconds)
    }

    @Test(arguments: ["", "-", "1x", "99999999999999999999", "+1", " 1"])
    func `what is no number is not read as one`(text: String) {
        let read = Int(postgresText: text.utf8.span)
        #expect(read == nil)
    }

    @Test(arguments: ["{1,2", "1,2}", "{{1},{2}}", "{1,}", "{a}", "{\"1}", ""])
    func `a broken array is not read as one`(text: String) {
        let read = [Int](postgresText: text.utf8.span)
        #expect(read == nil)
    }

    @Test func `a missing column, a NULL and a wrong type each say so`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let row = try #require(try await pool.query("SELECT 'x' AS name, NULL AS nothing").first)
            let missing = #expect(throws: PostgresError.self) { try row.decode("Name", as: String.self) }
            #expect(missing?.code == .decoding)
            let null = #expect(throws: PostgresError.self) { try row.decode("nothing", as: String.self) }
            #expect(null?.remedy.contains("NULL") == true)
            let wrong = #expect(throws: PostgresError.self) { try row.decode("name", as: Int.self) }
            #expect(wrong?.description.contains("'x'") == false)
            let beyond = #expect(throws: PostgresError.self) { try row.decode(at: 2, as: Int.self) }
            #expect(beyond?.code == .decoding)
        }
    }

    @Test func `a text with a zero byte is refused, not cut`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT \("a\0b")::text") }
            #expect(error?.sqlState?.rawValue == "22021")
        }
    }
}
