package import Testing

/// Waits until a condition holds.
///
/// - Parameter limit: ends a wait in vain, no more: far above what it takes even where the machine's host keeps most of
///   the processors for others.
/// - Throws: `CancellationError` after the limit, which is recorded as an issue.
package func eventually(
    within limit: Duration = .seconds(60), _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("It did not happen within \(limit): \(what)", sourceLocation: sourceLocation)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}
