import ArgumentParser
import Foundation
import Jobs
import Storage

/// Looks at groups of failures, and does something about them.
struct DeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead", abstract: "Groups of failures: look, run again, discard, annotate.",
        subcommands: [List.self, Show.self, Retry.self, Discard.self, Note.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists groups, the one that failed last first.")

        @Flag(help: "Also those that have no member left.")
        var all = false

        func run() async throws {
            try await Operator.act("dead") { actions in
                let page = try await actions.dead.groups(all: all)
                if page.rows.isEmpty { print("Nothing has failed for good.") }
                for group in page.rows { print(Self.line(group)) }
            }
        }

        static func line(_ group: DeadGroupView) -> String {
            let what = [group.jobKind, group.stepKind].filter { !$0.isEmpty }.joined(separator: "/")
            let note = group.assignedTo.map { "  [\($0)]" } ?? ""
            return "\(group.id)  \(group.members) of \(group.total)  \(what)  \(group.code)  "
                + "last \(group.lastAt.formatted(.iso8601))\(note)\n   \(group.fingerprint)"
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a group, its latest members, what was done.")

        @Argument(help: "The group's number.")
        var group: Int64

        @Option(help: "Only steps of this institution.")
        var institution: String?

        func run() async throws {
            try await Operator.act("dead") { actions in
                let store = actions.dead
                guard let found = try await store.group(group) else {
                    throw StorageError(.notFound, "There is no group \(group).")
                }
                print(List.line(found))
                print("   e.g. \(found.sampleMessage)")
                if let note = found.note { print("   note: \(note)") }
                for step in try await store.steps(of: DeadScope(group: group, institution: institution)).rows {
                    let mark = step.isOvertaken ? "  (a later job has been completed)" : ""
                    let place = "\(step.institution.slug)/\(step.integration.slug)"
                    print("\(step.step)  \(place)  \(step.failedAt.formatted(.iso8601))\(mark)")
                    if let note = step.note { print("   note: \(note)") }
                }
                for message in try await store.messages(of: group).rows {
                    print("\(message.id)  \(message.queue)  \(message.reason)  \(message.remark)")
                    if let note = message.note { print("   note: \(note)") }
                }
                for action in try await store.actions(of: group) {
                    print(
                        "\(action.verb.rawValue) by \(action.actor): \(action.done) of \(action.total). \(action.reason)"
                    )
                }
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs failed steps of a group again, or one; without --expect it only says how many there are.")

        @OptionGroup var order: DeadOrderOptions

        @Flag(help: "Also those of whose integration a later job has been completed.")
        var overtaken = false

        func run() async throws { try await order.run(.retry, includesOvertaken: overtaken) }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Counts members of a group no more, or one; without --expect it only says how many there are.")

        @OptionGroup var order: DeadOrderOptions

        func run() async throws { try await order.run(.discard, includesOvertaken: false) }
    }

    struct Note: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts a note or a name to a group, or a note to one of its members.")

        @Argument(help: "The group's number.")
        var group: Int64

        @Option(help: ArgumentHelp(DeadOrderOptions.memberHelp, valueName: "job/step"))
        var member: DeadMember?

        @Option(help: "The note; empty takes it away.")
        var note: String?

        @Option(help: "Who sees to it; empty takes the name away.")
        var assign: String?

        func validate() throws {
            guard note != nil || assign != nil else { throw ValidationError("Give --note or --assign.") }
            if member != nil, note == nil || assign != nil {
                throw ValidationError("With --member give --note; a name is put to the whole group.")
            }
        }

        func run() async throws {
            try await Operator.act("dead") { actions in
                guard let member else {
                    return try await actions.annotate(group, note: note, assignedTo: assign, by: Operator.name)
                }
                let text = note.flatMap { $0.isEmpty ? nil : $0 }
                try await actions.annotate(member, of: group, note: text, by: Operator.name)
            }
        }
    }
}
