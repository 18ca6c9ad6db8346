import Testing

/// The scanner that the other tests rest on.
@Suite(.timeLimit(.minutes(5)))
struct SourceMaskTests {
    @Test(arguments: [
        ("let a = 1 // try!", "let a = 1        "),
        ("/* { /* } */ { */ x", "                  x"),
        (#"f("a { b") }"#, #"f("     ") }"#),
        (#"f("a \(g("}")) b")"#, #"f("  \(g(" "))  ")"#),
        (##"f(#"\(a) " {"#)"##, ##"f(#"        "#)"##),
        ("func `a { b`() {}", "func `     `() {}"),
        (#""\"{""#, #""   ""#),
    ])
    func `comments, strings and raw identifiers are blanked, column for column`(source: String, masked: String) {
        #expect(SourceMask.lines(of: source) == [masked])
    }

    @Test func `a string of several lines keeps its lines`() {
        let source = "let a = \"\"\"\n    { \\(b) \"\n    \"\"\"\n}"
        #expect(SourceMask.lines(of: source) == ["let a = \"\"\"", "      \\(b)  ", "    \"\"\"", "}"])
    }

    @Test func `a function is measured from its first line to its last brace`() {
        let text = """
            protocol P {
                func nothing()
                var value: Int { get }
            }
            func one(
                _ body: () -> Void = {}
            ) async throws
                where T: P
            {
                if true { two() }
            }
            """
        let file = SourceFile(path: "Sources/A/A.swift", text: text)
        #expect(file.functionBodies.map { [$0.line, $0.lineCount] } == [[4, 7]])
    }

    @Test func `a docstring above attributes counts and a plain comment does not`() {
        let text = """
            /// Documented.
            @discardableResult
            package static func one() {}
            // Not.
            package struct Two {
                package func hash(into hasher: inout Hasher) {}
            }
            """
        let file = SourceFile(path: "Sources/A/A.swift", text: text)
        #expect(file.undocumented(besides: ["hash"]).map(\.name) == ["Two"])
    }
}
