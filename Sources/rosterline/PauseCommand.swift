import ArgumentParser
import Foundation
import Jobs
import Storage

/// Stops the start of steps.
struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Starts nothing more of a queue, institution, integration or kind of job; what runs, runs on.")

    @Argument(help: "queue, institution, integration or kind.")
    var scope: PauseStore.Scope

    @Argument(help: "A kind of step, a slug, institution/integration, or a kind of job.")
    var target: String

    @OptionGroup var why: ReasonOption

    @Option(help: "Ends by itself after so many minutes; otherwise with 'rosterline resume'.")
    var minutes: Int?

    func validate() throws {
        if let minutes, minutes < 1 { throw ValidationError("--minutes is 1 or more.") }
        try PauseTarget.check(scope, target)
    }

    func run() async throws {
        let until = minutes.map { Date().addingTimeInterval(Double($0) * 60) }
        try await Operator.act("pause") {
            try await $0.pause(scope, target, until: until, by: Operator.name, reason: why.reason)
        }
        print(
            "\(scope.rawValue) \(target) is paused \(until.map { "until \($0.formatted(.iso8601))" } ?? "until you resume it")."
        )
    }
}

/// Ends a pause.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Ends a pause.")

    @Argument(help: "queue, institution, integration or kind.")
    var scope: PauseStore.Scope

    @Argument(help: "What was paused.")
    var target: String

    @Option(help: "Why; it goes into the audit.")
    var reason: String?

    func run() async throws {
        try await Operator.act("pause") {
            try await $0.resume(scope, target, by: Operator.name, reason: reason)
        }
        print("\(scope.rawValue) \(target) goes on.")
    }
}

/// Lists pauses.
struct PausesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "pauses", abstract: "Lists what is paused now.")

    func run() async throws {
        try await Operator.act("pause") { actions in
            let pauses = try await actions.pauses.all()
            if pauses.isEmpty { print("Nothing is paused.") }
            for pause in pauses {
                let until = pause.until.map { "until \($0.formatted(.iso8601))" } ?? "until resumed"
                print("\(pause.scope.rawValue) \(pause.target)  \(until)  by \(pause.pausedBy): \(pause.reason)")
            }
        }
    }
}

/// Which names a pause may have where the database cannot tell.
enum PauseTarget {
    static func check(_ scope: PauseStore.Scope, _ target: String) throws {
        let known: [String]
        switch scope {
        case .queue: known = StepKind.allCases.map(\.rawValue)
        case .kind: known = JobKind.allCases.map(\.rawValue)
        case .institution, .integration: return
        }
        guard known.contains(target) else {
            throw ValidationError("'\(target)' is no \(scope.rawValue); there are: \(known.joined(separator: ", ")).")
        }
    }
}

extension PauseStore.Scope: ExpressibleByArgument {}
