/// How a simulated Canvas behaves; the defaults are what a real one does.
package struct CanvasSettings: Sendable {
    /// What the owner of a token may do.
    package enum Rights: Sendable {
        /// May make and read SIS imports.
        case importer
        /// Is known, but may neither make nor read SIS imports.
        case nobody
    }

    /// 0 picks a free port.
    package var port = 0
    /// The tokens that are known. All others are answered with 401.
    package var tokens: [String: Rights] = ["simulator-token": .importer]
    /// The number of the one root account.
    package var accountID = 1
    package var accountName = "Río Bravo Unified School District"
    /// How many rows an import processes in a second; nothing = as fast as this machine can.
    package var rowsPerSecond: Double?
    /// How long a new import stays in `created` although nothing runs before it.
    package var startDelay: Duration = .zero
    /// How long after the end state the file of errors appears.
    package var errorsFileDelay: Duration = .milliseconds(300)
    /// How long the queue rests after a running import was aborted.
    package var restAfterAbort: Duration = .seconds(600)
    /// The status for a token without permission: 401 in older Canvas, 403 in newer.
    package var missingPermissionStatus = 403
    /// The largest upload in bytes; larger ones are answered with 413.
    package var largestUploadBytes = 4 << 30
    /// How many imports keep the files that were uploaded with them; older ones keep their records only.
    package var importsWithFiles = 200
    /// How many requests the log remembers.
    package var loggedRequests = 20_000
    /// What each request costs in the leaky bucket of 600.
    package var requestCost = 0.05

    package init() {}
}
