import Foundation
import Jobs
import Pipeline
import Testing

@Suite struct SubmissionPolicyTests {
    private let job = JobID.random()
    private let intendedAt = Date(timeIntervalSince1970: 1_700_000_000)
    private var name: BatchName { BatchName(job: job, batch: 1) }

    private func decision(
        _ candidates: [SubmissionPolicy.Candidate], after seconds: TimeInterval
    ) -> SubmissionPolicy.Decision {
        SubmissionPolicy.decide(
            name: name, intendedAt: intendedAt, candidates: candidates, now: intendedAt.addingTimeInterval(seconds),
            settle: 75)
    }

    private func ours(_ id: String, isEnded: Bool = false) -> SubmissionPolicy.Candidate {
        .init(id: id, isEnded: isEnded, fileNames: ["users-\(job)-b1.csv"])
    }

    @Test(arguments: [0, 74, 76, 100_000], [true, false])
    func `an import that carries the batch's name is adopted at any time`(seconds: Int, isEnded: Bool) {
        #expect(decision([ours("7", isEnded: isEnded)], after: Double(seconds)) == .adopt("7"))
    }

    @Test func `nothing is sent while the request may still arrive`() {
        #expect(decision([], after: 74) == .wait(until: intendedAt.addingTimeInterval(75)))
        #expect(decision([], after: 75) == .send)
    }

    @Test func `an import that cannot be told yet is waited for however long it takes`() {
        let unknown = SubmissionPolicy.Candidate(id: "3", isEnded: false, fileNames: [])
        #expect(decision([unknown], after: 10_000) == .wait(until: intendedAt.addingTimeInterval(10_010)))
        #expect(decision([unknown, ours("4")], after: 10) == .adopt("4"))
    }

    @Test func `an import with other files is somebody else's`() {
        let other = SubmissionPolicy.Candidate(id: "3", isEnded: false, fileNames: ["users.csv"])
        #expect(decision([other], after: 100) == .send)
        let otherBatch = SubmissionPolicy.Candidate(id: "3", isEnded: true, fileNames: ["users-\(job)-b12.csv"])
        #expect(decision([otherBatch], after: 100) == .send)
    }

    @Test func `a single ended import without names is taken for ours, several are left to a person`() {
        let one = SubmissionPolicy.Candidate(id: "8", isEnded: true, fileNames: [])
        let two = SubmissionPolicy.Candidate(id: "9", isEnded: true, fileNames: [])
        #expect(decision([one], after: 80) == .adopt("8"))
        #expect(decision([two, one], after: 80) == .ambiguous(["8", "9"]))
    }
}
