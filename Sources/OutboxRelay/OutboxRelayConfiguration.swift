/// How the relay looks for doorbells.
package struct OutboxRelayConfiguration: Sendable {
    /// Time between two looks when nobody calls; 10 ms to 60 s, default 500 ms.
    package var interval: Duration
    /// How many doorbells go out together, in one transaction; 1 to 5 000, default 500.
    package var batch: Int

    package init(interval: Duration = .milliseconds(500), batch: Int = 500) {
        self.interval = interval
        self.batch = batch
    }
}
