/// What the steps may use of the machine.
package struct PipelineConfiguration: Sendable {
    /// Folder for files that live as long as an attempt; emptied by each attempt's end.
    package var scratch: String
    /// Largest download and largest unpacked roster, in bytes; default 50 GB.
    package var rosterLimit: Int64
    /// How long a request to Canvas may still arrive after it was sent and its answer lost; default 75 s, a little over
    /// the minute in which Canvas ends its requests.
    package var settle: Duration
    /// When a submitted import is first asked about; default 5 min.
    package var firstPoll: Duration

    package init(
        scratch: String, rosterLimit: Int64 = 50_000_000_000, settle: Duration = .seconds(75),
        firstPoll: Duration = .seconds(300)
    ) {
        self.scratch = scratch
        self.rosterLimit = rosterLimit
        self.settle = settle
        self.firstPoll = firstPoll
    }
}
