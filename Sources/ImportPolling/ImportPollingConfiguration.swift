/// How often Canvas is asked about imports.
package struct ImportPollingConfiguration: Sendable {
    /// Time between two questions about the same import; 1 s to 1 h, default 5 min.
    package var interval: Duration
    /// How many imports are asked about at once; default 16.
    package var concurrency: Int
    /// Folder for error lists on their way to the artifact store.
    package var scratch: String

    package init(interval: Duration = .seconds(300), concurrency: Int = 16, scratch: String) {
        self.interval = interval
        self.concurrency = concurrency
        self.scratch = scratch
    }

    /// How often the table is looked at for what is due: a fifth of the interval, between 50 ms and 2 s.
    var look: Duration { max(.milliseconds(50), min(interval / 5, .seconds(2))) }
}
