import FoundationEssentials
package import Jobs
import Simulators

/// What a step of a chaos run does: nothing but take time, leave an effect, and misbehave on request.
///
/// It travels as the location of an integration's source, `toy:least=5,most=400`, so every job of an integration is of
/// a kind, and the worker needs no other source than the job itself.
package struct ToyWork: Sendable, Hashable {
    /// Milliseconds that a step takes at least and at most.
    package var milliseconds: ClosedRange<Int>
    /// In how many parts it does its work; after each it saves a checkpoint. 1 saves none.
    package var parts = 1
    /// Ends its process by abort(), whenever it runs.
    package var crashes = false
    /// Does not hear that it is cancelled.
    package var isDeaf = false

    package init(_ milliseconds: ClosedRange<Int>, parts: Int = 1, crashes: Bool = false, isDeaf: Bool = false) {
        self.milliseconds = milliseconds
        self.parts = parts
        self.crashes = crashes
        self.isDeaf = isDeaf
    }

    /// Nil where the location is no toy's.
    package init?(location: String) {
        guard location.hasPrefix("toy:") else { return nil }
        var values: [Substring: Int] = [:]
        for pair in location.dropFirst(4).split(separator: ",") {
            let parts = pair.split(separator: "=")
            guard parts.count == 2, let value = Int(parts[1]) else { return nil }
            values[parts[0]] = value
        }
        guard let least = values["least"], let most = values["most"], least >= 0, most >= least else { return nil }
        self.init(
            least...most, parts: max(1, values["parts"] ?? 1), crashes: values["crashes"] == 1,
            isDeaf: values["deaf"] == 1)
    }

    /// As an integration carries it.
    package var location: String {
        "toy:least=\(milliseconds.lowerBound),most=\(milliseconds.upperBound),parts=\(parts)"
            + ",crashes=\(crashes ? 1 : 0),deaf=\(isDeaf ? 1 : 0)"
    }

    /// How long this step takes: the same in each attempt.
    package func duration(of step: StepID) -> Duration {
        let name = step.job.uuid.uuid
        let bits = (UInt64(name.12) << 24 | UInt64(name.13) << 16 | UInt64(name.14) << 8 | UInt64(name.15))
        let span = UInt64(milliseconds.upperBound - milliseconds.lowerBound) + 1
        return .milliseconds(milliseconds.lowerBound + Int(SplitMix64.hash(bits, Int(step.ordinal)) % span))
    }
}
