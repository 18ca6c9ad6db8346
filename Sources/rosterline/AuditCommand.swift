import ArgumentParser
import Foundation
import Jobs
import Storage

/// Looks at who did what.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who did what to which job, schedule or setting, and why.",
        subcommands: [List.self, Verify.self, Export.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists what was done, the latest first.")

        @OptionGroup var filter: AuditFilterOptions

        @Option(help: "How many; 1 to 200.")
        var limit = 20

        @Option(help: "Go on below this number.")
        var before: Int64?

        func validate() throws {
            guard (1...StatusQueries.largestPage).contains(limit) else {
                throw ValidationError("--limit is 1 to \(StatusQueries.largestPage).")
            }
        }

        func run() async throws {
            try await Operator.act("audit") { actions in
                let page = try await actions.audit.rows(filter.filter, before: before, limit: limit)
                if page.rows.isEmpty { print("Nothing was done.") }
                for row in page.rows {
                    print("\(row.seq)  \(row.at.formatted(.iso8601))  \(row.actor)  \(row.action)  \(row.subject)")
                    if let reason = row.reason { print("   \(reason)") }
                    if row.before != nil || row.after != nil {
                        print("   \(row.before ?? "nothing") → \(row.after ?? "nothing")")
                    }
                }
                if page.hasMore, let last = page.rows.last { print("More: rosterline audit list --before \(last.seq)") }
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Looks whether the chain of hashes holds; exit 1 if it does not.",
            discussion: """
                Prints the head: the last row's number and hash. Keep it elsewhere and give it back with --head next time: \
                rows cut off the end cannot be noticed otherwise.
                """)

        @Option(help: "Begin with this row.")
        var from: Int64 = 1

        @Option(help: "The head that an earlier look printed.")
        var head: String?

        func validate() throws {
            guard from > 0 else { throw ValidationError("--from is 1 or more.") }
            if let head, AuditHead(head) == nil {
                throw ValidationError("'\(head)' is no head; take it as it was printed.")
            }
        }

        func run() async throws {
            try await Operator.act("audit") { actions in
                let verdict = try await actions.audit.verify(from: from, anchor: head.flatMap(AuditHead.init))
                print(AuditWords.sentence(verdict))
                if let head = verdict.head { print("Head \(head)") }
                guard verdict.broken == nil else { throw ExitCode(1) }
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Writes all rows to the output, the first first.")

        enum Format: String, CaseIterable, ExpressibleByArgument {
            case csv
            case json
        }

        @OptionGroup var filter: AuditFilterOptions

        @Option(help: "csv, or json: one object a line.")
        var format: Format = .csv

        func run() async throws {
            try await Operator.act("audit") { actions in
                let output = FileHandle.standardOutput
                if format == .csv { try output.write(contentsOf: Data(AuditText.header.utf8)) }
                var last: Int64 = 0
                while true {
                    let rows = try await actions.audit.batch(filter.filter, after: last)
                    guard let end = rows.last else { return }
                    let text = rows.map(format == .csv ? AuditText.csv : AuditText.json).joined()
                    try output.write(contentsOf: Data(text.utf8))
                    last = end.seq
                }
            }
        }
    }
}

/// Which rows are meant.
struct AuditFilterOptions: ParsableArguments {
    @Option(help: "Only what this person did.")
    var actor: String?

    @Option(help: "Only this action, such as job.cancel.")
    var action: AuditAction?

    @Option(help: "Only what was done to this, such as 'job 0192…'.")
    var subject: String?

    var filter: AuditFilter { AuditFilter(actor: actor, action: action, subject: subject) }
}

extension AuditAction: ExpressibleByArgument {}

/// What a look at the chain found, in words.
enum AuditWords {
    static func sentence(_ verdict: AuditVerdict) -> String {
        guard let broken = verdict.broken else { return "The chain holds: \(verdict.checked) rows fit." }
        switch broken.fault {
        case .missing: return "The chain is broken: row \(broken.seq) is missing."
        case .changed:
            return "The chain is broken: row \(broken.seq) is not what was written, or not where it was written."
        }
    }
}
