/// Names of the log fields this module writes; the only place where they are spelled.
package enum CanvasKeys {
    package enum Log {
        /// What was asked for, such as `create SIS import`.
        package static let operation = "canvas.operation"
        /// The status of the answer, a number.
        package static let status = "http.status"
        /// What this request cost in Canvas's bucket.
        package static let cost = "canvas.request_cost"
        /// What is left in the bucket before requests are refused.
        package static let remaining = "canvas.rate_limit_remaining"
        /// The id Canvas gave the import.
        package static let importID = "canvas.import_id"
    }
}
