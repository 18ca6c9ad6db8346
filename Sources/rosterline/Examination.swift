import Artifacts
import Broker
import Canvas
import Curl
import Foundation
import Jobs
import Postgres
import RabbitMQ
import Storage

/// The doctor's questions; none of them changes anything.
struct Examination {
    let cluster: Cluster

    /// Version, schema and the role's rights.
    func postgres() async -> [Finding] {
        let remedy = "Check ROSTERLINE_POSTGRES_URL, and that the server runs and lets this machine in."
        return await examine("Postgres", remedy: remedy) {
            try await cluster.withPool("doctor") { pool in
                let rows = try await pool.query(
                    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name"
                )
                let version = try rows.first?.decode("version", as: Int.self) ?? 0
                let name = try rows.first?.decode("name", as: String.self) ?? "?"
                var findings = [
                    version >= 140_000
                        ? Finding.well("Postgres", "version \(name)")
                        : .wrong("Postgres", "version \(name) is too old", remedy: "Use version 14 or newer.")
                ]
                let pending = try await PostgresMigrator(migrations: StorageMigrations.all).pending(on: pool)
                findings.append(
                    pending.isEmpty
                        ? .well("schema", "version \(StorageMigrations.version)")
                        : .wrong(
                            "schema", "\(pending.count) migrations are missing", remedy: "Run 'rosterline migrate'."))
                return findings
            }
        }
    }

    /// Version, alarms, queues and rights; and the settings of the queues, where there is somebody to ask.
    func broker() async -> [Finding] {
        await examine("RabbitMQ", remedy: "Check ROSTERLINE_RABBITMQ_URL.") {
            let topology = try cluster.topology()
            let names = topology.queues.map(\.name)
            let management = try cluster.brokerManagement()
            let report = await BrokerExamination.examine(
                try cluster.rabbitMQ("doctor"), topology: topology,
                settings: management.map { management in { @Sendable in try await management.queues(named: names) } })
            return report.map { finding in
                switch finding.grade {
                case .well: .well(finding.subject, finding.words)
                case .note: .note(finding.subject, finding.words)
                case .wrong: .wrong(finding.subject, finding.words, remedy: finding.remedy)
                }
            }
        }
    }

    func artifacts() async -> [Finding] {
        await examine("artifacts", remedy: "Set ROSTERLINE_ARTIFACTS_FOLDER to a folder that this user may write.") {
            try await cluster.artifacts().check()
            return [.well("artifacts", "the folder can be written")]
        }
    }

    /// For each integration: the token, the account, the permission to import.
    func canvas() async -> [Finding] {
        let entries: [IntegrationStore.Entry]
        do {
            entries = try await cluster.withPool("doctor") { try await IntegrationStore($0).all() }
        } catch {
            return []
        }
        guard !entries.isEmpty else {
            return [.well("integrations", "none yet; describe one and run 'rosterline apply FILE'")]
        }
        var findings: [Finding] = []
        for entry in entries {
            findings += await examine(
                "Canvas of \(entry.institution)/\(entry.integration)",
                remedy: "Mend it and run 'rosterline apply' again."
            ) {
                try await canvas(of: entry)
            }
        }
        return findings
    }

    private func canvas(of entry: IntegrationStore.Entry) async throws -> [Finding] {
        let subject = "Canvas of \(entry.institution)/\(entry.integration)"
        let http = try cluster.http()
        defer { http.shutdown() }
        let client = try cluster.canvasClients(http)(IntegrationSettings(decoding: entry.settings).canvas)
        let account = try await client.account()
        guard account.isRoot else {
            return [
                .wrong(
                    subject, "account \(account.id) is no root account",
                    remedy: "SIS imports go to a root account; set 'account: self'.")
            ]
        }
        // Reading the list takes the same permission as an import.
        _ = try await client.importingSISImports()
        return [.well(subject, "the token may manage SIS imports of account \(account.id)")]
    }

    func examine(_ subject: String, remedy: String, _ body: () async throws -> [Finding]) async -> [Finding] {
        do {
            return try await body()
        } catch {
            return [.wrong(subject, "\(error)", remedy: remedy)]
        }
    }
}
