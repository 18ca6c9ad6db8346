import Glibc
import LocalServers

/// The processes of one scenario, by name.
package actor ChaosProcesses {
    private let logs: String
    private var running: [String: LocalServerProcess] = [:]
    private var ended: [String] = []

    init(logs: String) {
        self.logs = logs
    }

    /// The names of those that were started and not ended by us, in order.
    var names: [String] { running.keys.sorted() }

    /// Where a process of that name writes.
    nonisolated func log(of name: String) -> String { "\(logs)/\(name).log" }

    func start(_ name: String, _ arguments: [String], environment: [String]) throws {
        running[name] = try LocalServerProcess(arguments, environment: environment, log: log(of: name))
    }

    /// SIGKILL: no time for anything.
    func kill(_ name: String) async throws {
        guard let process = running.removeValue(forKey: name) else { return }
        if await !process.isRunning { ended.append(name) }
        try await process.kill()
    }

    /// Sends a signal and does not wait.
    func signal(_ name: String, _ number: Int32) {
        guard let process = running[name] else { return }
        _ = Glibc.kill(process.processIdentifier, number)
    }

    /// SIGTERM, and waits for the end; what does not end is killed after the limit, and that is an error.
    func drain(_ name: String, within limit: Duration) async throws {
        guard let process = running.removeValue(forKey: name) else { return }
        _ = Glibc.kill(process.processIdentifier, SIGTERM)
        let deadline = ContinuousClock.now + limit
        while await process.isRunning {
            guard ContinuousClock.now < deadline else {
                try await process.kill()
                throw ServerError(.notStopped, operation: "drain \(name)", remedy: "Read \(log(of: name)).")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Those that have ended by themselves, also those that somebody meant to kill; they are forgotten.
    func takeEnded() async -> [String] {
        for (name, process) in running where await !process.isRunning {
            running[name] = nil
            ended.append(name)
        }
        defer { ended = [] }
        return ended.sorted()
    }

    /// Seconds of processor time that the process has had so far; nil if there is none.
    func processorSeconds(of name: String) -> Double? {
        guard let process = running[name] else { return nil }
        return KernelCounts.processorSeconds(of: process.processIdentifier)
    }

    /// The most memory that the process has had in RAM; nil if there is none.
    func peakMebibytes(of name: String) -> Int? {
        guard let process = running[name] else { return nil }
        return KernelCounts.peakMebibytes(of: process.processIdentifier)
    }

    func killAll() async {
        for name in names {
            // One that is frozen can be killed too.
            try? await kill(name)
        }
    }
}
