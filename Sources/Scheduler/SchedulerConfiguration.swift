/// How the scheduler looks for what is due.
package struct SchedulerConfiguration: Sendable {
    /// Time between two looks; 0.1 s to 60 s, default 1 s.
    package var interval: Duration
    /// How many schedules one look takes; the rest follow at once. Default 100.
    package var batch: Int

    package init(interval: Duration = .seconds(1), batch: Int = 100) {
        self.interval = interval
        self.batch = batch
    }
}
