/// How the dispatcher looks for steps that are due.
package struct DispatcherConfiguration: Sendable {
    /// Its name, as it appears in the table of those that live: host and process id.
    package var name: String
    /// Time between two looks when nobody calls; 10 ms to 60 s, default 500 ms.
    package var interval: Duration
    /// How many doorbells go out together; 1 to 5 000, default 1 000.
    package var batch: Int
    /// How many steps may be at the broker or running, over all institutions; default 1 000. What is beyond waits in
    /// the outbox, where it can still be put in order.
    package var window: Int
    /// How long a doorbell is put off whose queue is missing or full; default 10 s.
    package var pause: Duration
    /// How long a dispatcher may be silent before what it rang is rung again; default 20 s. It says every quarter of
    /// that that it lives.
    package var silence: Duration

    package init(
        name: String = "dispatcher", interval: Duration = .milliseconds(500), batch: Int = 1000,
        window: Int = 1000, pause: Duration = .seconds(10), silence: Duration = .seconds(20)
    ) {
        self.name = name
        self.interval = interval
        self.batch = batch
        self.window = window
        self.pause = pause
        self.silence = silence
    }
}
