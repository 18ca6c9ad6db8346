/// Names of files that one part of the engine leaves for another.
package enum ArtifactName {
    /// Canvas's list of the rows that it refused, among the files of the import step.
    package static let canvasErrors = "canvas-errors.csv"
    /// The list of another job, among the files of an import step that is to send those rows alone.
    package static let refusedRows = "refused-rows.csv"
    /// The archive with those rows.
    package static let refusedRowsArchive = "refused-rows.zip"
    /// What that other job had sent, where that was itself no more than refused rows: the list counts the rows of it.
    package static let refusedFrom = "refused-from.zip"
}
