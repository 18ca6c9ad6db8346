internal import ArgumentParser
internal import CJobBench
internal import Foundation

/// The processes that the benchmark starts: the engine's, and the C program's.
struct JobsEngineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs-engine", abstract: "A process of the job benchmark.", shouldDisplay: false)

    enum Role: String, ExpressibleByArgument {
        case enqueue, dispatch, work, latency
    }

    @Argument var role: Role

    @Option(help: "Jobs to begin, or steps to run before it ends; 0 for no end.")
    var count = 0

    @Option(help: "Jobs begun in one transaction.")
    var batch = 500

    @Option(help: "Jobs a second, for latency.")
    var rate = 200

    @Option(help: "How long, for latency.")
    var seconds = 10

    @Option(help: "Steps that run at once.")
    var slots = 2000

    @Option(help: "Messages that may be here unsettled.")
    var prefetch = 4000

    func run() async throws {
        let engine = try EngineUnderTest()
        switch role {
        case .enqueue:
            let seconds = try await engine.enqueue(count, batch: batch)
            print("{\"seconds\": \(seconds)}")
        case .dispatch: try await engine.dispatch()
        case .work: try await engine.work(expecting: count == 0 ? nil : count, slots: slots, prefetch: prefetch)
        case .latency:
            let answer = try await engine.latency(rate: rate, seconds: seconds)
            print(String(decoding: try JSONEncoder().encode(answer), as: UTF8.self))
        }
    }
}

/// The C program, as a process.
struct JobsInCCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs-in-c", abstract: "A process of the job benchmark.", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough) var words: [String]

    func run() throws {
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        let status = unsafe job_bench_main(Int32(words.count), &arguments)
        guard status == 0 else { throw ExitCode(status) }
    }
}
