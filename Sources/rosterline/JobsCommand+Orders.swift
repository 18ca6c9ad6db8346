import ArgumentParser
import Foundation
import Jobs
import Storage

extension JobsCommand {
    /// Ends a job.
    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Ends a job: what waits ends at once, a running step within ten seconds; Canvas is asked to abort its import."
        )

        @Argument(help: "The job's id.")
        var id: JobID

        @OptionGroup var why: ReasonOption

        func run() async throws {
            try await Operator.act("jobs") { try await $0.cancel(id, by: Operator.name, reason: why.reason) }
            print("Job \(id) is cancelled; a running step has ten seconds to stop.")
        }
    }

    /// Puts a failed step back into its queue.
    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs the failed step of a job again, in the same job, with all its tries before it.")

        @Argument(help: "The job's id.")
        var id: JobID

        @OptionGroup var why: ReasonOption

        @Flag(help: "Also if a later job of the integration has been completed since.")
        var overtaken = false

        func run() async throws {
            try await Operator.act("jobs") { actions in
                let step = try await actions.retry(
                    id, by: Operator.name, reason: why.reason, includesOvertaken: overtaken)
                print("Step \(step.ordinal) of job \(id) is queued again.")
            }
        }
    }

    /// Begins a new job from a step of an old one.
    struct RunAgain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run-again",
            abstract: "Begins a new job that takes over the earlier steps of an old one, with the settings of now.")

        @Argument(help: "The old job's id.")
        var id: JobID

        @Option(help: "The step to begin with: extract (unless you say so), convert or import.")
        var from: StepKind?

        @Flag(help: "Send only the rows again that Canvas refused; the job must have its canvas-errors.csv.")
        var failedRows = false

        @OptionGroup var why: ReasonOption

        /// What the options say.
        var scope: RunAgainScope { failedRows ? .refusedRows : .step(from ?? .extract) }

        func validate() throws {
            if failedRows, from != nil {
                throw ValidationError("Say '--from' or '--failed-rows'; refused rows always begin at the import.")
            }
        }

        func run() async throws {
            try await Operator.act("jobs") { actions in
                print("Job \(try await actions.runAgain(id, from: scope, by: Operator.name, reason: why.reason))")
            }
        }
    }
}

extension JobID: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

extension StepKind: ExpressibleByArgument {}
