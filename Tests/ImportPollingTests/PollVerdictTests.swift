import Jobs
import Testing

@testable import Canvas
@testable import ImportPolling

@Suite struct PollVerdictTests {
    /// An answer in Canvas's words.
    private func answer(_ state: String, says: Bool = false, listed: Bool = false) throws -> SISImport {
        var members = [#""id":7,"workflow_state":"\#(state)""#]
        if says { members.append(#""processing_warnings":[["users.csv","A row is bad."]]"#) }
        if listed { members.append(#""errors_attachment":{"id":1,"url":"http://127.0.0.1:1/errors.csv"}"#) }
        let json = try #require(JSONValue(bytes: Array("{\(members.joined(separator: ","))}".utf8)))
        return try #require(SISImport(json))
    }

    /// What a state means for a step.
    private enum Meaning: Equatable {
        case goesOn
        case ends(StepEvent, code: String? = nil)
    }

    private static let table: [String: Meaning] = [
        "initializing": .goesOn, "created": .goesOn, "importing": .goesOn, "cleanup_batch": .goesOn,
        "restoring": .goesOn, "imported": .ends(.complete), "imported_with_messages": .ends(.completeWithWarnings),
        "restored": .ends(.completeWithWarnings), "partially_restored": .ends(.completeWithWarnings),
        "aborted": .ends(.fail, code: "canvas.aborted"), "failed": .ends(.fail, code: "canvas.failed"),
        "failed_with_messages": .ends(.fail, code: "canvas.failed_with_messages"),
    ]

    @Test func `the table knows every state that Canvas has`() {
        #expect(Set(Self.table.keys) == Set(SISImportState.known.map(\.name)))
    }

    @Test(arguments: SISImportState.known)
    func `a state decides alone once its errors are listed`(state: SISImportState) throws {
        let verdict = PollVerdict.of(try answer(state.name, says: true, listed: true), earlier: "created")
        guard case .end(let event, let code, let message) = verdict else {
            #expect(verdict == .goOn)
            #expect(Self.table[state.name] == .goesOn)
            return
        }
        #expect(Self.table[state.name] == .ends(event, code: code))
        #expect((message == nil) == (state == .imported))
        // Whatever the verdict says must be legal for a step that waits.
        #expect(StepState.waiting.after(event) != nil)
    }

    @Test func `a state that nobody knows is waited for`() throws {
        #expect(PollVerdict.of(try answer("daydreaming", says: true), earlier: "created") == .goOn)
    }

    @Test(arguments: SISImportState.known.filter(\.isTerminal))
    func `messages without their list are looked at once more, and not for ever`(state: SISImportState) throws {
        let late = try answer(state.name, says: true)
        #expect(PollVerdict.of(late, earlier: "importing") == .onceMore)
        #expect(PollVerdict.of(late, earlier: state.name) != .onceMore)
        #expect(PollVerdict.of(try answer(state.name), earlier: "importing") != .onceMore)
    }

    @Test(arguments: SISImportState.known)
    func `every state has a sentence for the operator`(state: SISImportState) throws {
        let sentence = ImportCounts.sentence(of: try answer(state.name))
        #expect(sentence.hasSuffix("."))
        #expect(sentence.contains("SIS import 7"))
    }

    @Test func `counts carry what was processed and what it changed`() throws {
        let json = #"""
            {"id":"7","workflow_state":"imported","data":{"counts":{"users":3,"courses":0},
            "statistics":{"total_state_changes":2,"User":{"created":2,"deleted":0}}},
            "processing_errors":[["a.csv","bad"]]}
            """#
        let value = try #require(JSONValue(bytes: Array(json.utf8)))
        let answer = try #require(SISImport(value))
        #expect(ImportCounts.counts(of: answer) == ["canvas.users": 3, "canvas.User.created": 2, "canvas.errors": 1])
        let stored = try #require(JSONValue(bytes: Array(ImportAnswer.json(of: answer).utf8)))
        #expect(stored["workflow_state"].text == "imported")
        #expect(stored["data"]["counts"]["users"].int == 3)
        #expect(stored["processing_errors"].elements.count == 1)
    }
}
