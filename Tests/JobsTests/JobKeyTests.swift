import Jobs
import Testing

@Suite struct JobKeyTests {
    @Test(
        arguments: [
            (nil, .unfinished), ("waiting", .waiting), ("unfinished", .unfinished),
            ("window=90s", .window(seconds: 90)),
            ("window=30m", .window(seconds: 1800)), ("window=2h", .window(seconds: 7200)),
            ("window=366d", .window(seconds: 31_622_400)),
        ] as [(String?, JobKey.Scope)])
    func `a scope is read as people write it`(text: String?, scope: JobKey.Scope) throws {
        let key = try JobKey(reading: "nightly", scope: text, conflict: nil)
        #expect(key == JobKey("nightly", scope: scope, conflict: .reject))
    }

    @Test(arguments: JobKey.Conflict.allCases)
    func `each verb is read`(conflict: JobKey.Conflict) throws {
        #expect(try JobKey(reading: "k", scope: nil, conflict: conflict.rawValue).conflict == conflict)
    }

    @Test(
        arguments: [
            ("", nil, nil, "1 to 200"), (String(repeating: "k", count: 201), nil, nil, "1 to 200"),
            ("a\nb", nil, nil, "plain"), ("k", "", nil, "window=30m"), ("k", "running", nil, "waiting, unfinished"),
            ("k", "window", nil, "window=30m"), ("k", "window=", nil, "window=30m"), ("k", "window=m", nil, "366 d"),
            ("k", "window=30", nil, "window=30m"), ("k", "window=0m", nil, "1 s"), ("k", "window=-5m", nil, "1 s"),
            ("k", "window=367d", nil, "366 d"), ("k", "window=99999999999999d", nil, "366 d"),
            ("k", nil, "skip", "keep, replace, reject"), ("k", nil, "", "keep, replace, reject"),
        ] as [(String, String?, String?, String)])
    func `what is no key is refused with what is allowed`(text: String, scope: String?, conflict: String?, hint: String)
    {
        let error = #expect(throws: JobKeyError.self) {
            _ = try JobKey(reading: text, scope: scope, conflict: conflict)
        }
        #expect(error?.description.contains(hint) == true, "\(error?.description ?? "")")
    }
}
