/// Names of log fields that every service uses, so that one search finds a job everywhere.
package enum JobsKeys {
    package enum Log {
        package static let jobID = "job.id"
        package static let step = "job.step"
        /// The fencing token: one number for each attempt.
        package static let attempt = "job.attempt"
        package static let institution = "institution"
        package static let error = "error"
        package static let code = "error.code"
        package static let count = "count"
        package static let seconds = "seconds"
    }
}
