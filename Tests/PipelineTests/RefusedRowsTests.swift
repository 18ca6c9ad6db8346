import Jobs
import Pipeline
import Testing

@Suite struct RefusedRowsTests {
    private func refused(_ lines: [(String, String)]) -> RefusedRows {
        var refused = RefusedRows(files: ["users-x.csv", "enrollments-x.csv"])
        for (file, row) in lines { refused.take(file: file, row: row) }
        return refused
    }

    @Test func `rows are gathered by file, each once, however often the list names it`() {
        let found = refused([
            ("users-x.csv", "2"), ("users-x.csv", "9"), ("users-x.csv", "2"), ("enrollments-x.csv", "4"),
        ])
        #expect(found.rows == ["users-x.csv": [2, 9], "enrollments-x.csv": [4]])
        #expect(found.count == 3 && found.lines == 4 && found.unplaced == 0)
    }

    @Test(arguments: [
        ("users-x.csv", ""), ("users-x.csv", "1"), ("users-x.csv", "0"), ("users-x.csv", "-3"),
        ("users-x.csv", "two"), ("users-x.csv", "2.0"), ("users-x.csv", "99999999999999999999"),
        ("users.csv", "2"), ("", "2"), ("users-x.csv.bak", "2"),
    ])
    func `a line that names no row of a file of the archive is counted, not guessed at`(file: String, row: String) {
        let found = refused([(file, row), ("users-x.csv", "3")])
        #expect(found.rows == ["users-x.csv": [3]] && found.unplaced == 1 && !found.isEmpty)
    }

    @Test func `a list without lines, or about whole files, leaves nothing`() {
        #expect(refused([]).isEmpty)
        #expect(refused([("users-x.csv", "")]).isEmpty)
    }

    @Test func `a file's plain name is found whatever job and batch it carries`() {
        let batch = BatchName(job: .random(), batch: 12)
        #expect(BatchName.plainName(of: batch.fileName("user_observers.csv")) == "user_observers.csv")
        #expect(BatchName.plainName(of: batch.fileName("a-b1.csv")) == "a-b1.csv")
        #expect(BatchName.plainName(of: "users.csv") == nil)
        #expect(BatchName.plainName(of: "users-\(JobID.random())-b1.zip") == nil)
    }
}
