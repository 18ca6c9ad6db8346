import ArgumentParser
import Foundation

/// The one program: its subcommands are the roles of the cluster and the tools of its operators.
@main
struct Rosterline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rosterline",
        abstract: "Moves school rosters from student information systems into Canvas LMS, every night.",
        discussion: """
            Settings come from the environment (ROSTERLINE_…) and from the YAML file that ROSTERLINE_CONFIG names; \
            'rosterline settings' lists them.
            """,
        subcommands: [
            SchedulerCommand.self, WorkerCommand.self, StatusCommand.self, MigrateCommand.self, DoctorCommand.self,
            ApplyCommand.self, SyncCommand.self, JobsCommand.self, SchedulesCommand.self, DeadCommand.self,
            PauseCommand.self,
            ResumeCommand.self,
            PausesCommand.self, AuditCommand.self, SettingsCommand.self, DefinitionsCommand.self,
        ])
}

/// Lists the settings.
struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Lists every setting with its unit and default.")

    func run() async throws {
        for setting in Setting.all {
            print("\(setting.key)\n    \(setting.environmentName)")
            print(
                "    \(setting.help) (\(setting.form.words); \(setting.fallback.map { "default \($0)" } ?? "no default"))\n"
            )
        }
    }
}
