import Testing

/// What can be seen from the source alone, and so needs no reviewer. Each test lists all offenders.
@Suite(.timeLimit(.minutes(5)))
struct TidyTests {
    private let tree: SourceTree

    /// Asked for by protocols of the standard library and of packages, or by the house style in each module alike
    /// (`Code` of an error, `Log` of the keys), where each case has its own docstring.
    private static let foreignRequirements: Set = [
        "==", "<", "hash", "encode", "run", "next", "makeAsyncIterator", "makeIterator", "AsyncIterator", "Iterator",
        "enqueue", "isIsolatingCurrentContext", "log", "makeCounter", "makeFloatingPointCounter", "makeMeter",
        "makeRecorder", "makeTimer", "destroyCounter", "destroyFloatingPointCounter", "destroyMeter",
        "destroyRecorder", "destroyTimer", "provideScope", "Code", "Log",
    ]

    init() throws {
        tree = try SourceTree.repository.get()
    }

    @Test func `files are short enough to be read at a sitting`() {
        let offenders = tree.swift.filter { $0.lines.count > ($0.isTest ? 600 : 400) }
            .map { "\($0.path): \($0.lines.count) lines, of at most \($0.isTest ? 600 : 400)" }
        #expect(offenders == [])
    }

    @Test func `functions have at most 70 lines`() {
        let offenders = tree.swift.flatMap { file in
            file.functionBodies.filter { $0.lineCount > 70 }.map { file.place($0.line, "\($0.lineCount) lines") }
        }
        #expect(offenders == [])
    }

    /// A sentence for people or a statement of SQL reads better on one line than cut into pieces.
    @Test func `lines have at most 120 columns, with text in them 150`() {
        let offenders = tree.swift.flatMap { file in
            var isText = false
            return file.lines.indices.filter { index in
                let line = file.lines[index]
                if line.contains("\"\"\"") { isText.toggle() }
                return line.count > (isText || line.contains("\"") ? 150 : 120)
            }.map { file.place($0, "\(file.lines[$0].count) columns") }
        }
        #expect(offenders == [])
    }

    @Test func `types and functions that other modules use are documented`() {
        let witnesses = Self.foreignRequirements.union(tree.swift.flatMap(\.requirements))
        let offenders = tree.swift.filter { !$0.isTest }.flatMap { file in
            file.undocumented(besides: witnesses).map { file.place($0.line, $0.name) }
        }
        #expect(offenders == [])
    }

    @Test func `nothing is left for later and nothing ends the process`() {
        let inCode = ["try!", "as!", "fatalError(", "@preconcurrency"]
        let anywhere = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
        let offenders = tree.swift.flatMap { file in
            file.lines.indices.flatMap { line in
                inCode.filter { file.code[line].holds($0) }.map { file.place(line, $0) }
                    + anywhere.filter { file.lines[line].holds($0) }.map { file.place(line, $0) }
            }
        }
        #expect(offenders == [])
    }

    @Test func `what the compiler cannot check has its reason beside it`() {
        let words = ["@unchecked Sendable", "nonisolated(unsafe)", "Task {", "Task.detached {"]
        let offenders = tree.swift.filter { !$0.isTest }.flatMap { file in
            file.code.indices.flatMap { line -> [String] in
                let found = words.filter { file.code[line].holds($0) && file.code[line].contains(word: $0) }
                guard !found.isEmpty else { return [] }
                let isExplained = file.lines[max(0, line - Self.reach)...line].contains { $0.holds("// ") }
                return isExplained ? [] : found.map { file.place(line, $0) }
            }
        }
        #expect(offenders == [])
    }

    /// How many lines above a construct its reason may stand.
    private static let reach = 8
}

extension String {
    /// Whether `word` stands here and is not the end of a longer name, as `addTask {` is of `Task {`.
    func contains(word: String) -> Bool {
        ranges(of: word).contains { range in
            range.lowerBound == startIndex || !(self[index(before: range.lowerBound)].isLetter)
        }
    }
}
