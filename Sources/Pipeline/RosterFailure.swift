import Archives
import Jobs
import OneRoster

/// What is wrong with a roster, as the engine's failure: with file, row and remedy, for the people who can mend it.
func rosterFailure(_ error: any Error) -> any Error {
    if let error = error as? RosterError {
        return StepFailure(
            error.isTransient ? .transient : .permanent, code: "roster.\(error.code.rawValue)", message: "\(error)")
    }
    if let error = error as? ArchiveError {
        return StepFailure(
            error.isTransient ? .transient : .permanent, code: "archive.\(error.code.rawValue)",
            message: "\(error)")
    }
    return error
}
