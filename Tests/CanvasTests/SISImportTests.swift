import Curl
import Foundation
import HTTPTypes
import Testing

@testable import Canvas

/// Reading of Canvas's answers, without a server.
struct SISImportTests {
    @Test
    func `an answer recorded by others is read`() throws {
        let json = try #require(JSONValue(bytes: recorded("sis_import.json")))
        let value = try #require(SISImport(json))
        #expect(value.id == "1")
        #expect(value.state == .imported)
        #expect(value.progress == 100)
        #expect(value.createdAt == Date(timeIntervalSince1970: 1_385_963_940))
        #expect(value.endedAt == Date(timeIntervalSince1970: 1_385_964_201))
        #expect(value.startedAt == nil)
        #expect(value.batchMode)
        #expect(value.batchModeTermID == "1234")
        #expect(value.diffedAgainstImportID == "1")
        #expect(value.warnings.map(\.file) == ["students.csv"])
        #expect(value.errors.map(\.text) == ["Error while importing CSV. Please contact support."])
        #expect(value.counts.isEmpty)
        #expect(value.errorsAttachment == nil)
    }

    @Test
    func `listings recorded by others are read`() throws {
        let imports = try #require(JSONValue(bytes: recorded("sis_imports.json")))
        let states = imports["sis_imports"].elements.compactMap(SISImport.init).map(\.state)
        #expect(states == [.imported, .importedWithMessages])
        let errors = try #require(JSONValue(bytes: recorded("sis_import_errors.json")))
        let rows = errors["sis_import_errors"].elements.compactMap(SISImportError.init)
        #expect(rows.map(\.row) == [601, 580])
        #expect(rows.first?.file == "enrollments.csv")
    }

    @Test(arguments: ["data", "top"])
    func `statistics are found in either place`(place: String) throws {
        let statistics = #"{"total_state_changes":3,"Course":{"created":2,"deleted":1}}"#
        let text =
            place == "data"
            ? #"{"id":"10000000000007","workflow_state":"failed","data":{"statistics":\#(statistics)}}"#
            : #"{"id":"10000000000007","workflow_state":"failed","statistics":\#(statistics),"data":{}}"#
        let value = try #require(JSONValue(bytes: Array(text.utf8)).flatMap(SISImport.init))
        #expect(value.id == "10000000000007")
        #expect(value.statistics.totalStateChanges == 3)
        #expect(value.statistics.changes == ["Course": ["created": 2, "deleted": 1]])
    }

    @Test(arguments: [
        "{}", "[]", "null", #"{"id":1}"#, #"{"workflow_state":"created"}"#, #"{"id":null,"workflow_state":"a"}"#,
    ])
    func `without id or state it is no import`(text: String) throws {
        let json = try #require(JSONValue(bytes: Array(text.utf8)))
        #expect(SISImport(json) == nil)
    }

    @Test(arguments: [("-5", 0), ("101", 100), ("\"37\"", 37), ("null", 0), ("41.6", 42), ("[]", 0)])
    func `progress is read from whatever it comes as`(text: String, progress: Int) throws {
        let json = #"{"id":1,"workflow_state":"importing","progress":\#(text)}"#
        #expect(try #require(JSONValue(bytes: Array(json.utf8)).flatMap(SISImport.init)).progress == progress)
    }

    @Test
    func `states are named as Canvas names them and classed`() {
        for state in SISImportState.known { #expect(SISImportState(state.name) == state) }
        #expect(SISImportState("exploded") == .other("exploded"))
        let all = SISImportState.known + [.other("x")]
        #expect(
            all.filter(\.isTerminal).map(\.name) == [
                "imported", "imported_with_messages", "aborted", "failed", "failed_with_messages", "restored",
                "partially_restored",
            ])
        #expect(all.filter(\.isSuccess) == [.imported, .importedWithMessages])
        #expect(all.filter { !$0.mayHaveAppliedRows } == [.initializing, .created])
        #expect(all.filter(\.isRunning) == [.importing, .cleanupBatch])
        #expect(all.filter(\.canBeAborted) == [.initializing, .created, .importing, .cleanupBatch])
    }

    @Test(
        arguments: [
            (#"<https://a.b/x?page=2>; rel="next", <https://a.b/x?page=1>; rel="current""#, "https://a.b/x?page=2"),
            (#"<https://a.b/x?q=1,2>; rel="first",<https://a.b/x?q=1,3>; rel=next"#, "https://a.b/x?q=1,3"),
            (#"<https://a.b/x>; rel="last""#, nil),
            ("", nil),
            ("<broken", nil),
        ] as [(String, String?)])
    func `the next page is found in the Link header`(header: String, address: String?) {
        #expect(CanvasLink.next(header) == address)
    }

    @Test
    func `all options have their field`() {
        var options = SISImportOptions()
        #expect(options.fields.map(\.name) == ["import_type"])
        options.batchMode = true
        options.batchModeTermID = "sis_term_id:1"
        options.multiTermBatchMode = false
        options.batchModeEnrollmentDropStatus = .inactive
        options.updateSISIDIfLoginClaimed = true
        options.diffingRemasterDataSet = true
        options.diffingDropStatus = .completed
        options.diffingUserRemoveStatus = .suspended
        options.diffRowCountThreshold = 10
        #expect(
            options.fields.map { "\($0.name)=\($0.value)" } == [
                "import_type=instructure_csv", "batch_mode=true", "batch_mode_term_id=sis_term_id:1",
                "multi_term_batch_mode=false", "batch_mode_enrollment_drop_status=inactive",
                "update_sis_id_if_login_claimed=true", "diffing_remaster_data_set=true",
                "diffing_drop_status=completed",
                "diffing_user_remove_status=suspended", "diff_row_count_threshold=10",
            ])
    }

    @Test(arguments: [
        ("https://school.instructure.com", "school.instructure.com", ""),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080", ""),
        ("HTTPS://a.b/canvas/", "a.b", "/canvas"),
    ])
    func `an address is taken apart`(text: String, authority: String, prefix: String) throws {
        let configuration = try #require(CanvasConfiguration(baseURL: text))
        #expect(configuration.authority == authority)
        #expect(configuration.pathPrefix == prefix)
    }

    @Test(arguments: [
        "", "school.instructure.com", "ftp://a.b", "https://", "https://u:p@a.b", "https://a.b?x=1", "https://a b",
    ])
    func `what is no address of a Canvas is refused`(text: String) {
        #expect(CanvasConfiguration(baseURL: text) == nil)
    }
}

/// How answers are classed, without a server; the rest is provoked in CanvasFailureTests.
struct CanvasErrorTests {
    @Test(
        arguments: [
            (401, "", "", CanvasError.Code.unauthorized),
            (401, #"{"errors":[{"message":"Invalid access token."}]}"#, "Bearer", .unauthorized),
            (401, #"{"errors":[{"message":"user not authorized to perform that action"}]}"#, "", .forbidden),
            (403, "forbidden", "", .forbidden),
            (403, "403 Forbidden (Rate Limit Exceeded)", "", .throttled),
            (429, "", "", .throttled),
            (404, "", "", .notFound),
            (400, "", "", .badRequest),
            (413, "", "", .badRequest),
            (422, "", "", .badRequest),
            (408, "", "", .serverError),
            (500, "", "", .serverError),
            (504, "", "", .serverError),
            (302, "", "", .unreadableAnswer),
        ] as [(Int, String, String, CanvasError.Code)])
    func `status and words decide the code`(status: Int, body: String, challenge: String, code: CanvasError.Code) throws
    {
        let configuration = try #require(CanvasConfiguration(baseURL: "https://a.b"))
        var head = HTTPResponse(status: .init(code: status))
        if !challenge.isEmpty { head.headerFields[.wwwAuthenticate] = challenge }
        let error = CanvasError(head, body: Array(body.utf8), operation: "test", limits: configuration)
        #expect(error.code == code)
        #expect(error.status == status)
        #expect((error.retryAfter != nil) == (code == .throttled))
    }

    @Test(arguments: [("0.0", CanvasError.Code.throttled), ("-3", .throttled), ("12", .forbidden), ("nan", .forbidden)])
    func `an empty bucket makes a 403 a throttled one`(remaining: String, code: CanvasError.Code) throws {
        let configuration = try #require(CanvasConfiguration(baseURL: "https://a.b"))
        var head = HTTPResponse(status: .forbidden)
        head.headerFields[try #require(HTTPField.Name("X-Rate-Limit-Remaining"))] = remaining
        #expect(CanvasError(head, body: [], operation: "test", limits: configuration).code == code)
    }

    @Test func `a bucket of no sense is waited for no longer than any`() throws {
        let configuration = try #require(CanvasConfiguration(baseURL: "https://a.b"))
        var head = HTTPResponse(status: .forbidden)
        head.headerFields[try #require(HTTPField.Name("X-Rate-Limit-Remaining"))] = "-1e300"
        let error = CanvasError(head, body: [], operation: "test", limits: configuration)
        #expect(error.retryAfter == configuration.longestWait)
    }
}

extension CanvasClient {
    func unreadable(_ operation: String, _ head: HTTPResponse) -> CanvasError { unreadable(operation, head, "no JSON") }
}
