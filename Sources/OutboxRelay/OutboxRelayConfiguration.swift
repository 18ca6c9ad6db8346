/// How the relay looks for doorbells.
package struct OutboxRelayConfiguration: Sendable {
    /// Time between two looks when nobody calls; 10 ms to 60 s, default 500 ms.
    package var interval: Duration
    /// How many doorbells go out together, in one transaction; 1 to 5 000, default 500.
    package var batch: Int
    /// How long a doorbell is put off whose queue is missing or full; default 10 s.
    package var pause: Duration

    package init(interval: Duration = .milliseconds(500), batch: Int = 500, pause: Duration = .seconds(10)) {
        self.interval = interval
        self.batch = batch
        self.pause = pause
    }
}
