internal import Foundation
internal import Glibc
internal import LocalServers
internal import Logging
internal import Postgres
internal import RabbitMQ

/// Where and with what was measured.
struct Machine: Codable, Sendable {
    var processor = "?"
    var cores = 0
    var memoryGiB = 0
    var postgres = "?"
    /// Those that decide about durability, as the server says.
    var settings: [String: String] = [:]
    var rabbitMQ = "?"
    var peers: [String] = []

    static func describe(_ scene: JobsScene) async throws -> Machine {
        var machine = Machine()
        machine.cores = ProcessInfo.processInfo.activeProcessorCount
        machine.memoryGiB = Int(ProcessInfo.processInfo.physicalMemory >> 30)
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        if let line = lines.first(where: { $0.hasPrefix("model name") }), let name = line.split(separator: ":").last {
            machine.processor = String(name.drop { $0 == " " })
        }
        let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        let configuration = try PostgresConfiguration(url: scene.databaseURL("postgres"))
        machine = try await PostgresPool.withPool(configuration, logger: logger) { [machine] pool in
            var machine = machine
            for name in ["server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers"] {
                let value = try await pool.query("SELECT current_setting(\(name))").first?.decode(
                    at: 0, as: String.self)
                machine.settings[name] = value
            }
            return machine
        }
        machine.postgres = machine.settings.removeValue(forKey: "server_version") ?? "?"
        machine.rabbitMQ = try await RabbitMQAdministration.with(RabbitMQConfiguration(url: scene.rabbitMQ.url)) {
            await $0.serverVersion ?? "?"
        }
        if scene.peers != nil { machine.peers = PeerEnvironment.requirements }
        return machine
    }

    var text: String {
        let settings = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        var lines = [
            "\(processor), \(cores) cores, \(memoryGiB) GiB; everything on this machine, over loopback",
            "PostgreSQL \(postgres): \(settings)", "RabbitMQ \(rabbitMQ): confirms on, messages persistent",
        ]
        if !peers.isEmpty { lines.append("peers: \(peers.joined(separator: " "))") }
        return lines.joined(separator: "\n")
    }
}
