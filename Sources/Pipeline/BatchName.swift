package import Jobs

/// The name of a batch in everything that Canvas is sent, so that its import can be found again after a crash.
package struct BatchName: Sendable, Hashable, CustomStringConvertible {
    private let job: JobID
    private let batch: Int

    /// - Parameter batch: from 1.
    package init(job: JobID, batch: Int) {
        self.job = job
        self.batch = batch
    }

    /// Unique over all batches ever.
    package var description: String { "\(job)-b\(batch)" }

    /// Name of the uploaded archive.
    package var archive: String { "rosterline-\(self).zip" }

    /// Name of one of Canvas's files inside it: `users-<batch>.csv` for `users.csv`.
    package func fileName(_ name: String) -> String {
        guard name.hasSuffix(".csv") else { return "\(name)-\(self)" }
        return "\(name.dropLast(4))-\(self).csv"
    }

    /// `users.csv` for `users-<batch>.csv` of any batch; nil for a name that carries none.
    package static func plainName(of fileName: String) -> String? {
        let batch = /(.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-b\d+\.csv/
        return fileName.wholeMatch(of: batch).map { "\($0.1).csv" }
    }

    /// Whether a file of this name is of this batch. The name must end there: batch 1 is not batch 12.
    package func marks(_ fileName: String) -> Bool {
        fileName.hasSuffix("-\(self)") || fileName.contains("-\(self).")
    }
}
