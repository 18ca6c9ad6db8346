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
        try await eventually("one connection for each use") {
            try await Self.connections(cluster) == ["consumer": 1, "publisher": 1]
        }
        try await cluster.rabbitMQ.kill()
        let log = cluster.folder + "/log/resting.log"
        try await eventually("it says that the broker is gone") {
            Self.count("Broker connection lost; reconnecting", in: log) == 1
        }
        let worker = try #require(await cluster.processIdentifier(of: "resting"))
        let scheduler = try #require(await cluster.processIdentifier(of: "scheduler"))
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
        try await eventually("one connection for each use again") {
            try await Self.connections(cluster) == ["consumer": 1, "publisher": 1]
        }
        try await cluster.stop("resting")
    }

    /// How many connections there are of each use; the short ones that only look are left out.
    private static func connections(_ cluster: LocalCluster) async throws -> [String: Int] {
        let listing = try await cluster.rabbitMQ.ctl(["list_connections", "client_properties"])
        var counts: [String: Int] = [:]
        for use in ["publisher", "consumer", "definitions", "migrate", "doctor"] {
            let count = listing.components(separatedBy: "\"rosterline \(use) ").count - 1
            if count > 0 { counts[use] = count }
        }
        return counts
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
