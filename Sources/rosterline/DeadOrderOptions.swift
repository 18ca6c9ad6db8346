import ArgumentParser
import Jobs
import Storage

/// What orders about a group share: a number is looked at first, and comes back with the order.
struct DeadOrderOptions: ParsableArguments {
    @Argument(help: "The group's number.")
    var group: Int64

    static let memberHelp = "Only this member, as 'dead show' lists it: a step as JOB/STEP, a message as its number."

    @Option(help: ArgumentHelp(memberHelp, valueName: "job/step"))
    var member: DeadMember?

    @Option(help: "Only steps of this institution.")
    var institution: String?

    @Option(help: "Why; it goes into the audit. Needed with --expect and --member.")
    var reason: String?

    @Option(help: "The number that the preview gave; if it has changed since, nothing happens.")
    var expect: Int64?

    func validate() throws {
        if member != nil, expect != nil || institution != nil {
            throw ValidationError("--member names what is meant; leave --expect and --institution out.")
        }
        guard expect != nil || member != nil else { return }
        guard let reason, (1...OperatorActions.longestText).contains(reason.count) else {
            throw ValidationError("Say why with --reason, in 1 to \(OperatorActions.longestText) characters.")
        }
    }

    func run(_ verb: DeadActionView.Verb, includesOvertaken: Bool) async throws {
        if let member { return try await run(verb, member, includesOvertaken: includesOvertaken) }
        let scope = DeadScope(group: group, institution: institution, includesOvertaken: includesOvertaken)
        try await Operator.act("dead") { actions in
            guard let expect, let reason else {
                let preview = try await actions.dead.preview(verb, scope)
                print("\(verb.rawValue) would touch \(preview.count).")
                if preview.overtaken > 0 {
                    print(
                        "\(preview.overtaken) more are left alone: a later job of their integration has been completed."
                    )
                }
                print("To do it, add: --expect \(preview.count) --reason '…'")
                return
            }
            let action = try await actions.begin(verb, scope, expected: expect, by: Operator.name, reason: reason)
            let rest =
                action.finishedAt == nil ? "; maintenance does the rest, see 'rosterline dead show \(group)'" : ""
            print("\(verb.rawValue): \(action.done) of \(action.total)\(rest).")
            if verb == .retry, action.finishedAt != nil, action.done < action.total {
                print(
                    "The others are left alone: another job holds their key; 'rosterline jobs retry ID' says which one."
                )
            }
        }
    }

    private func run(_ verb: DeadActionView.Verb, _ member: DeadMember, includesOvertaken: Bool) async throws {
        let reason = reason ?? ""
        try await Operator.act("dead") { actions in
            switch verb {
            case .retry:
                let step = try await actions.retry(
                    member, of: group, by: Operator.name, reason: reason, includesOvertaken: includesOvertaken)
                print("Step \(step.ordinal) of job \(step.job) is queued again.")
            case .discard:
                try await actions.discard(member, of: group, by: Operator.name, reason: reason)
                print("\(member) is counted no more.")
            }
        }
    }
}

extension DeadMember: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}
