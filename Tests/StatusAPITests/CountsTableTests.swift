import Foundation
import Jobs
import Testing

@testable import StatusAPI
@testable import Storage

@Suite(.timeLimit(.minutes(5)))
struct CountsTableTests {
    private static let steps = [
        step(.extract, ["classes.extracted": 10, "orgs.extracted": 7]),
        step(
            .convert,
            [
                "classes.extracted": 10, "classes.converted": 8, "classes.skipped": 2, "classes.merged": 0,
                "rows.skipped": 2, "canvas.courses": 8, "canvas.sections": 8, "canvas.terms": 0,
                "issues.errors": 1, "issues.error.ref.dangling": 1, "issues.notice.class.no_term": 40,
                "issues.warning.value.enum_case": 3, "issues.warnings": 3,
            ]),
        step(
            .importBatch,
            [
                "canvas.courses": 8, "canvas.sections": 7, "canvas.errors": 1, "canvas.Course.created": 5,
                "canvas.CourseSection.created": 6, "canvas.Course.concluded": 1, "canvas.AbstractCourse.created": 9,
                "canvas.CommunicationChannel.created": 2,
            ]),
    ]

    private static func step(_ kind: StepKind, _ counts: [String: Int64]) -> StepView {
        StepView(
            ordinal: 1, kind: kind.rawValue, state: .completed, percent: 100, reason: nil, runAfter: Date(),
            worker: nil, failures: 0, rescues: 0, counts: counts, errorCode: nil, errorMessage: nil, startedAt: nil,
            finishedAt: nil)
    }

    @Test func `the source's table has its own types, and says what they become`() {
        let table = CountsTable.source(Self.steps)
        #expect(table.columns == ["Extracted", "Converted", "Left out", "Merged into another"])
        #expect(table.rows.map(\.type) == ["Organizations", "Classes"])
        #expect(table.rows.map(\.becomes) == ["Accounts", "Courses, each with a section"])
        #expect(table.rows.map(\.cells) == [["7", "", "", ""], ["10", "8", "2", "0"]])
    }

    @Test func `an import of less than the conversion left says itself what was sent`() {
        let again = Self.step(.importBatch, ["sent.sections": 1, "canvas.sections": 1, "rows.unplaced": 0])
        let table = CountsTable.canvas(Array(Self.steps.prefix(2)) + [again], answers: [])
        #expect(table.columns == ["Sent", "Taken"])
        #expect(table.rows.map(\.type) == ["Sections"] && table.rows.map(\.cells) == [["1", "1"]])
        #expect(CountsTable.source([again]).rows.isEmpty)
    }

    @Test func `Canvas's table has what was sent, what was taken and what changed`() {
        let table = CountsTable.canvas(Self.steps, answers: [])
        #expect(table.columns == ["Sent", "Taken", "Created", "Concluded", "Deleted"])
        #expect(table.rows.map(\.type) == ["Courses", "Sections"])
        #expect(table.rows.map(\.cells) == [["8", "8", "5", "1", "0"], ["8", "7", "6", "", "0"]])
    }

    @Test func `answers of several batches are added up, and stand for the step's counts`() throws {
        let answer = try #require(
            CanvasAnswer(
                json: #"{"data":{"counts":{"courses":4,"error_count":2},"statistics":{"Course":{"created":3}}}}"#))
        let table = CountsTable.canvas(Self.steps, answers: [answer, answer])
        #expect(table.columns == ["Sent", "Taken", "Created", "Deleted"])
        #expect(table.rows.map(\.cells) == [["8", "8", "6", "0"], ["8", "", "0", "0"]])
    }

    @Test func `a table without numbers is not shown`() {
        #expect(!CountsTable.source([Self.step(.extract, [:])]).isShown)
        #expect(!CountsTable.canvas([Self.step(.convert, ["canvas.users": 0])], answers: []).isShown)
    }

    @Test func `the gravest issues come first, and every severity is summed`() {
        let table = IssuesTable(steps: Self.steps)
        #expect(table.rows.map(\.severity) == ["error", "warning", "notice"])
        #expect(table.rows.map(\.code) == ["ref.dangling", "value.enum_case", "class.no_term"])
        #expect(table.summary == "1\u{A0}error, 3\u{A0}warnings, 40\u{A0}notices")
    }
}
