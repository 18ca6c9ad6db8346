package import Logging

/// Does the work of one kind of step. The engine calls it with a lease and writes down what it returns.
package protocol StepHandler: Sendable {
    var kind: StepKind { get }

    /// The versions of the kind's messages that it reads; its worker is handed no other. By default the current one.
    var versions: [Int16] { get }

    /// Runs one attempt.
    ///
    /// Cancellation of the task means stop now: the lease is lost or the process drains.
    /// - Throws: `StepFailure`; any other error counts as transient, with the code `internal`.
    func run(_ context: StepContext) async throws -> StepOutcome
}

extension StepHandler {
    package var versions: [Int16] { [StepMessage.currentVersion] }
}

/// What an attempt is given.
package struct StepContext: Sendable {
    /// Bytes of a checkpoint at most.
    package static let longestCheckpoint = 65_536

    package let lease: StepLease
    package let job: JobDescription
    /// How often this step failed before, 0 or more.
    package let failures: Int
    /// How often a lease ran out under it before, 0 or more.
    package let rescues: Int
    package let progress: any ProgressReporting
    /// What an earlier attempt saved to go on from; nil at first.
    package let checkpoint: String?
    private let kind: StepKind?
    private let plainLogger: Logger
    private let checkpoints: any CheckpointSaving

    package init(
        lease: StepLease, kind: StepKind? = nil, job: JobDescription, failures: Int, rescues: Int,
        progress: any ProgressReporting, checkpoint: String? = nil,
        checkpoints: any CheckpointSaving = NoCheckpoints(), logger: Logger
    ) {
        self.lease = lease
        self.job = job
        self.failures = failures
        self.rescues = rescues
        self.progress = progress
        self.checkpoint = checkpoint
        self.checkpoints = checkpoints
        self.kind = kind
        plainLogger = logger
    }

    /// Carries `job.id`, `job.step`, `job.attempt` and `institution`.
    ///
    /// Made when it is asked for, so keep it: to a step of microseconds these words would cost more than its work.
    package var logger: Logger {
        var logger = plainLogger
        logger[metadataKey: JobsKeys.Log.jobID] = "\(job.id)"
        if let kind { logger[metadataKey: JobsKeys.Log.step] = "\(kind.rawValue)" }
        logger[metadataKey: JobsKeys.Log.attempt] = "\(lease.token)"
        logger[metadataKey: JobsKeys.Log.institution] = "\(job.institution)"
        return logger
    }

    /// Saves where the step stands, so that an attempt after a rescue, a drain or a failure goes on from there.
    ///
    /// It is written when this returns, and is gone once the step has ended well or a person has it begin anew.
    /// - Parameters:
    ///   - checkpoint: in the handler's own words; at most `longestCheckpoint` bytes.
    ///   - artifacts: stored files that it speaks of. They are the step's from now on, however the attempt ends, so
    ///     that no stored file is ever without an owner.
    /// - Throws: `StepFailure` of class `interrupted` if the lease is lost; then this attempt must stop.
    package func save(checkpoint: String, storing artifacts: [ArtifactRecord] = []) async throws {
        precondition(
            checkpoint.utf8.count <= Self.longestCheckpoint, "a checkpoint of \(checkpoint.utf8.count) bytes")
        guard try await checkpoints.save(checkpoint, storing: artifacts, lease: lease) else {
            throw StepFailure(.interrupted, code: "worker.lease", message: "The worker lost its hold on the step.")
        }
    }
}

/// Keeps checkpoints.
package protocol CheckpointSaving: Sendable {
    /// Writes the checkpoint and the rows of its files, both or neither.
    ///
    /// - Returns: false if the lease is lost; then nothing was written.
    func save(_ checkpoint: String, storing artifacts: [ArtifactRecord], lease: StepLease) async throws -> Bool
}

/// Keeps nothing: for handlers that are run without an engine.
package struct NoCheckpoints: CheckpointSaving {
    package init() {}

    package func save(
        _ checkpoint: String, storing artifacts: [ArtifactRecord], lease: StepLease
    ) async throws -> Bool { true }
}

/// The job that a step belongs to.
package struct JobDescription: Sendable, Hashable {
    package let id: JobID
    package let institution: String
    /// JSON of the integration as it was when the job began; see `IntegrationSettings`.
    package let settings: String

    package init(id: JobID, institution: String, settings: String) {
        self.id = id
        self.institution = institution
        self.settings = settings
    }
}

/// Takes the progress of a running step; cheap, and may be called as often as one likes.
package protocol ProgressReporting: Sendable {
    /// - Parameters:
    ///   - fraction: the part of the step that is done, 0 to 1; a smaller value than before is ignored.
    ///   - counts: numbers by name that are known by now; they replace earlier ones of the same name.
    func report(fraction: Double, counts: [String: Int64])
}

extension ProgressReporting {
    package func report(fraction: Double) {
        report(fraction: fraction, counts: [:])
    }
}
