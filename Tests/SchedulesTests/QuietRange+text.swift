import Testing

@testable import Schedules

extension QuietRange {
    /// A range between two local times as people write them.
    static func test(_ kind: Kind, _ from: String, _ until: String, _ name: String) throws -> QuietRange {
        QuietRange(
            kind, from: try #require(LocalMinute(from)), until: try #require(LocalMinute(until)), name: name)
    }
}
