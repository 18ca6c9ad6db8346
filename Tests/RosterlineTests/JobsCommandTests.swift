import ArgumentParser
import Jobs
import Storage
import Testing

@testable import rosterline

@Suite struct JobsCommandTests {
    private static let id = "0192f5a0-0000-7000-8000-000000000001"

    private func scope(_ options: [String]) throws -> RunAgainScope {
        try JobsCommand.RunAgain.parse([Self.id] + options + ["--reason", "Mended."]).scope
    }

    @Test func `a job is run again from its first step, from another one, or for the refused rows`() throws {
        #expect(try scope([]) == .step(.extract))
        #expect(try scope(["--from", "import"]) == .step(.importBatch))
        #expect(try scope(["--failed-rows"]) == .refusedRows)
        #expect(throws: (any Error).self) { try scope(["--failed-rows", "--from", "import"]) }
    }
}
