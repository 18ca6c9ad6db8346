import Jobs
import Testing

@testable import rosterline

@Suite struct LimitsDescriptionTests {
    private func limits(_ text: String) throws -> DispatchLimits? {
        try Description(
            yaml: """
                institutions:
                  - slug: district
                    name: District
                    \(text)
                    integrations: []
                """, name: "file.yaml"
        ).institutions.first?.limits?.dispatch
    }

    @Test func `what is left out has its default`() throws {
        #expect(try limits("") == nil)
        #expect(try limits("limits: {weight: 3}") == DispatchLimits(concurrentSteps: 8, weight: 3))
        #expect(
            try limits("limits: {concurrentSteps: 20, stepsPerMinute: 60, burst: 10}")
                == DispatchLimits(concurrentSteps: 20, stepsPerMinute: 60, burst: 10))
    }

    @Test func `0 steps at once lift that limit`() throws {
        #expect(try limits("limits: {concurrentSteps: 0}") == DispatchLimits(concurrentSteps: nil))
    }

    @Test(arguments: [
        ("limits: {weight: 0}", "1 to 100"), ("limits: {concurrentSteps: -1}", "0 to 100000"),
        ("limits: {stepsPerMinute: 0}", "1 to 10000000"), ("limits: {burst: 5}", "stepsPerMinute"),
        ("limits: {wieght: 3}", "weight"),
    ])
    func `a limit that cannot be is refused with what can`(text: String, remedy: String) {
        let error = #expect(throws: ConfigurationError.self) { try limits(text) }
        #expect(error?.description.contains(remedy) == true)
    }
}
