import Foundation
import LocalServers
import TestSupport
import Testing

/// What processes do with the broker while nothing happens, and while there is none. Part of the nights, since it takes
/// their broker away.
extension NightTests {
    /// Of one core, in hundredths: what spins takes far more. `make chaos` has the narrow bound.
    private static let processorBound = 20.0

    @Test func `a process publishes over one connection, consumes over one, and rests while there is no broker`()
        async throws
    {
        let cluster = try await NightScene.shared.value.cluster
        try await cluster.start("worker", as: "resting")
        let worker = try #require(await cluster.processIdentifier(of: "resting"))
        let scheduler = try #require(await cluster.processIdentifier(of: "scheduler"))
        // The short ones that only look come and go: at a moment without any there is nothing but these.
        let all = ["\(worker)": ["consumer"], "\(scheduler)": ["dead letters", "publisher"]]
        try await eventually("one connection for each use") { try await Self.connections(cluster) == all }
        try await cluster.rabbitMQ.kill()
        let log = cluster.folder + "/log/resting.log"
        try await eventually("it says that the broker is gone") {
            Self.count("Broker connection lost; reconnecting", in: log) == 1
        }
        let before = (try Self.processorSeconds(worker), try Self.processorSeconds(scheduler))
        let begun = ContinuousClock.now
        // The time itself is what is measured.
        try await Task.sleep(for: .seconds(30))
        let elapsed = (ContinuousClock.now - begun) / .seconds(1)
        let shares = (
            try Self.processorSeconds(worker) - before.0, try Self.processorSeconds(scheduler) - before.1
        )
        #expect(shares.0 / elapsed * 100 < Self.processorBound, "the worker")
        #expect(shares.1 / elapsed * 100 < Self.processorBound, "the scheduler")
        try await cluster.rabbitMQ.restart()
        try await eventually("it says that the broker is back") {
            Self.count("Broker connection is back", in: log) == 1
        }
        // Two lines for the outage, however long it lasted.
        #expect(Self.count("Broker connection lost; reconnecting", in: log) == 1)
        try await eventually("one connection for each use again") { try await Self.connections(cluster) == all }
        try await cluster.stop("resting")
    }

    /// What each process uses its connections for, whatever they are called: one without a name of ours is under "".
    private static func connections(_ cluster: LocalCluster) async throws -> [String: [String]] {
        let listing = try await cluster.rabbitMQ.ctl(["list_connections", "pid", "client_properties"])
        var uses: [String: [String]] = [:]
        for line in listing.components(separatedBy: "\n") where line.hasPrefix("<") {
            // "rosterline", the use, and behind a host's name the process and a random part.
            let name = line.components(separatedBy: "\"rosterline ").dropFirst().first?.prefix { $0 != "\"" } ?? ""
            let words = name.split(separator: " ")
            let process = words.last?.split(separator: "-").dropLast().last ?? ""
            uses[String(process), default: []].append(words.dropLast().joined(separator: " "))
        }
        return uses.mapValues { $0.sorted() }
    }

    private static func count(_ message: String, in file: String) -> Int {
        ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").components(separatedBy: message).count - 1
    }

    /// User and system time of all its threads, since it began.
    private static func processorSeconds(_ process: Int32) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // The name in the second field may hold blanks; behind its bracket, time is in the 12th and 13th field.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        let ticks = try [12, 13].map { try #require(Double(fields[$0])) }.reduce(0, +)
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
