/// What somebody sent with NOTIFY.
package struct PostgresNotification: Sendable, Hashable {
    package let channel: String
    /// Under 8000 bytes; empty when none was given, and after a reconnect (see ``PostgresListener``).
    package let payload: String

    package init(channel: String, payload: String) {
        self.channel = channel
        self.payload = payload
    }
}
