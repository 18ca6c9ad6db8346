import FoundationEssentials
import Jobs

/// A folder of one attempt. Nothing of value is ever in it alone: whatever a crash leaves behind may be deleted.
struct Scratch: Sendable {
    let path: String

    /// Makes the folder, calls the body, and removes the folder however it ended.
    static func with<T: Sendable>(
        in parent: String, lease: StepLease, _ body: (Scratch) async throws -> T
    ) async throws -> T {
        let scratch = Scratch(path: "\(parent)/\(lease.step.job)-\(lease.step.ordinal)-\(lease.token)")
        try? FileManager.default.removeItem(atPath: scratch.path)
        do {
            try FileManager.default.createDirectory(atPath: scratch.path, withIntermediateDirectories: true)
        } catch {
            throw StepFailure(
                .transient, code: "scratch.unwritable",
                message: "The worker cannot write its scratch folder \(parent). Check its owner and its free space.")
        }
        defer { try? FileManager.default.removeItem(atPath: scratch.path) }
        return try await body(scratch)
    }

    func folder(_ name: String) throws -> String {
        let folder = "\(path)/\(name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }
}
