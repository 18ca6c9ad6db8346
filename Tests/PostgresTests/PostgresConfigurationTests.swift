import Testing

@testable import Postgres

@Suite(.timeLimit(.minutes(5)))
struct PostgresConfigurationTests {
    @Test func `a whole URL is read`() throws {
        let configuration = try PostgresConfiguration(
            url:
                "postgresql://an%20a:p%40ss:w@one,[::1]:6000/my%2Fdb?sslmode=verify-full&sslrootcert=/ca.pem"
                + "&connect_timeout=3&statement_timeout=0"
        )
        #expect(configuration.hosts == ["one", "::1"])
        #expect(configuration.port == 6000)
        #expect(configuration.user == "an a")
        #expect(configuration.password == "p@ss:w")
        #expect(configuration.database == "my/db")
        #expect(configuration.tls == .verifyFull(caFile: "/ca.pem"))
        #expect(configuration.connectTimeout == .seconds(3))
        #expect(configuration.statementTimeout == nil)
    }

    @Test func `what is missing has a default`() throws {
        let configuration = try PostgresConfiguration(url: "postgres://ana@/?host=/run/postgresql")
        #expect(configuration.hosts == ["/run/postgresql"])
        #expect(configuration.port == 5432)
        #expect(configuration.database == "ana")
        #expect(configuration.tls == .prefer)
        #expect(try PostgresConfiguration(url: "postgres://").hosts == ["localhost"])
    }

    @Test func `the password is never shown`() throws {
        let configuration = try PostgresConfiguration(url: "postgres://ana:secret@db/x")
        #expect("\(configuration)" == "postgres://ana:***@db:5432/x")
        #expect(!String(reflecting: configuration).contains("secret"))
    }

    @Test(arguments: [
        ("mysql://a/b", "scheme"), ("postgres://h:x/b", "port"), ("postgres://h:0/b", "port"),
        ("postgres://a:1,b:2/c", "port"),
        ("postgres://h/b?sslmode=maybe", "sslmode"), ("postgres://h/b?sslmode=verify-full", "sslmode"),
        ("postgres://h/b?sslmode=require&sslrootcert=x", "sslmode"), ("postgres://h/b?colour=red", "colour"),
        ("postgres://u:%zz@h/b", "password"), ("postgres://h/b?connect_timeout=0", "connect_timeout"),
    ])
    func `what cannot be read is named, without its value`(url: String, part: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(url: url) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.operation.contains(part) == true)
        #expect(error?.description.contains(url) == false)
        #expect(error?.description.hasPrefix("Could not read the ") == true)
        #expect(error?.description.contains(" of the database URL: it cannot be understood. ") == true)
    }

    @Test(arguments: [
        (
            #"connection to server at "127.0.0.1", port 5 failed: FATAL:  28P01: password authentication failed"#,
            "28P01" as String?
        ),
        ("ФАТАЛЬНО:  3D000: нет", "3D000"), ("connection refused", nil), ("FATAL: sorry", nil),
        ("port 54321: x", nil),
    ])
    func `the code is found in the text of a refusal`(message: String, code: String?) {
        #expect(PostgresConnection.sqlState(in: message)?.rawValue == code)
    }

    @Test(arguments: [
        ("40001", true), ("40P01", true), ("53300", true), ("55P03", true), ("57P01", true), ("08006", true),
        ("23505", false),
        ("42601", false), ("57P04", false), ("22P02", false),
    ])
    func `only what may pass by itself is transient`(code: String, isTransient: Bool) {
        #expect(SQLState(rawValue: code).isTransient == isTransient)
    }

    @Test func `the statement used longest ago is forgotten, and named until it is gone`() {
        var cache = StatementCache(limit: 2)
        let keys = (0..<3).map { StatementCache.Key(PostgresQuery(unescaped: "\($0)")) }
        cache.insert(keys[0], name: "a")
        cache.insert(keys[1], name: "b")
        #expect(cache.name(of: keys[0]) == "a")
        cache.insert(keys[2], name: "c")
        #expect(cache.name(of: keys[1]) == nil)
        #expect(cache.count == 2)
        #expect(cache.doomed == ["b"])
        cache.didDeallocate("b")
        #expect(cache.doomed.isEmpty)
        #expect(cache.makeName() != cache.makeName())
    }

    @Test func `a statement is known by its text and the types of its values, whatever the values are`() {
        func key(_ id: Int, of table: String = "teacher") -> StatementCache.Key {
            StatementCache.Key("SELECT \(id) FROM \(unescaped: table) WHERE id = \(id)")
        }
        #expect(key(1) == key(2))
        #expect(key(1).hashValue == key(2).hashValue)
        #expect(key(1) != key(1, of: "student"))
        #expect(key(1) != StatementCache.Key("SELECT \("1") FROM \(unescaped: "teacher") WHERE id = \("1")"))
    }
}
