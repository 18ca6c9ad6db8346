import Jobs
import Testing

@Suite(.timeLimit(.minutes(5)))
struct FailureFingerprintTests {
    @Test(arguments: [
        ("The step failed.", "The step failed."),
        ("Canvas answered 503 after 12.5 s.", "Canvas answered ‹n› after ‹n› s."),
        ("Row 17 of 'users.csv' has no sis_id.", "Row ‹n› of ‹name› has no sis_id."),
        ("The workers' logs don't say why it isn't there.", "The workers' logs don't say why it isn't there."),
        ("\"O'Neill\" is there twice", "‹name› is there twice"),
        ("Job 0192f3a4-1b2c-7d3e-8f90-a1b2c3d4e5f6 is gone", "Job ‹id› is gone"),
        ("sha256 9f86d081884c7d65 differs (from 00ff00ff00)", "sha‹n› ‹id› differs (from ‹id›)"),
        ("GET https://a.example/api/v1?x=1 timed out", "GET ‹address› timed out"),
        ("/var/lib/x/y.csv cannot be read: ENOSPC", "‹path› cannot be read: ENOSPC"),
        ("Integration district/nightly is off.", "Integration ‹path› is off."),
        ("No route to db-1.school.org:5432.", "No route to ‹name›."),
        ("Write to mara@example.org", "Write to ‹name›"),
        ("Throttled until 2026-11-22T02:14:00Z.", "Throttled until ‹n›."),
        ("Imports [12, 13, 14] may be ours", "Imports [‹n›, ‹n›, ‹n›] may be ours"),
        ("batch12 and batch7", "batch‹n› and batch‹n›"),
        ("deadbeef is a word, facade too", "deadbeef is a word, facade too"),
        ("  blanks \n and\tlines ", "blanks and lines"),
        ("", ""),
    ])
    func `what differs from case to case becomes a word`(message: String, pattern: String) {
        #expect(FailureFingerprint.pattern(of: message) == pattern)
    }

    @Test(arguments: [
        ("Canvas lists imports 1 2 3.", "Canvas lists imports 1 2 3 4."),
        ("User 'a' was refused at 10:00.", "User 'bb' was refused at 11:30."),
        ("https://one.example/x failed", "https://two.example/y/z failed"),
    ])
    func `failures of one cause have one pattern`(first: String, second: String) {
        #expect(FailureFingerprint.pattern(of: first) == FailureFingerprint.pattern(of: second))
    }

    @Test(arguments: [
        ("The token was refused.", "The file was refused."),
        ("Canvas answered 503 late.", "Canvas answered 503 twice."),
    ])
    func `other causes have other patterns`(first: String, second: String) {
        #expect(FailureFingerprint.pattern(of: first) != FailureFingerprint.pattern(of: second))
    }

    @Test func `a pattern is short, however long the message`() {
        let message = String(repeating: "never ending story ", count: 100_000)
        #expect(FailureFingerprint.pattern(of: message).count == FailureFingerprint.longest)
    }

    @Test func `a pattern is its own pattern, as long as nothing was cut`() {
        let pattern = FailureFingerprint.pattern(of: "Row 17 of 'users.csv' at /a/b and https://x.example: 503")
        #expect(FailureFingerprint.pattern(of: pattern) == pattern)
    }
}
