import Foundation
import Observability
import Testing

/// Lines are logged on the threads that renew leases, so none may wait for whoever reads them.
@Suite(.timeLimit(.minutes(1)))
struct LogPipeTests {
    private func line(_ number: Int, of length: Int = 100) -> String {
        "\(number)".padding(toLength: length - 1, withPad: ".", startingAt: 0) + "\n"
    }

    private func numbers(in data: Data) -> [Int] {
        String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { Int($0.prefix { $0 != "." }) }
    }

    @Test func `a line is in the pipe when the call returns`() throws {
        let pipe = Pipe()
        let output = LogPipe(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        for number in 0..<100 {
            output.line(line(number))
            #expect(numbers(in: pipe.fileHandleForReading.availableData) == [number])
        }
    }

    @Test func `while nobody reads, lines wait, and come in their order once somebody does`() throws {
        let pipe = Pipe()
        let output = LogPipe(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        // Ten times what a pipe holds; the reader comes only when all are logged.
        for number in 0..<6000 { output.line(line(number)) }
        var data = Data()
        while data.count < 600_000 { data += pipe.fileHandleForReading.availableData }
        #expect(numbers(in: data) == Array(0..<6000))
        // The thread that helped may still be about to end; either way the next line follows.
        output.line(line(6000))
        #expect(numbers(in: pipe.fileHandleForReading.availableData) == [6000])
    }

    @Test func `a line longer than a pipe holds waits for its reader, not for its writer`() throws {
        let pipe = Pipe()
        let output = LogPipe(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        output.line(line(1, of: 200_000))
        output.line(line(2))
        var data = Data()
        while data.count < 200_100 { data += pipe.fileHandleForReading.availableData }
        #expect(numbers(in: data) == [1, 2])
    }

    @Test func `what is beyond the limit is dropped, counted and told`() throws {
        let pipe = Pipe()
        let output = LogPipe(descriptor: pipe.fileHandleForWriting.fileDescriptor, waitingLimit: 50_000)
        for number in 0..<5000 { output.line(line(number)) }
        var data = Data()
        var missing: Int?
        while missing == nil {
            data += pipe.fileHandleForReading.availableData
            let text = String(decoding: data, as: UTF8.self)
            missing = try text.firstMatch(
                of: Regex("(?m)^([0-9]+) log lines are missing", as: (Substring, Substring).self)
            )
            .flatMap { Int($0.1) }
        }
        let arrived = numbers(in: data.prefix(upTo: data.firstRange(of: Data(" log lines".utf8))?.lowerBound ?? 0))
        #expect(arrived.dropLast() == Array(0..<(arrived.count - 1))[...], "no line is missing before the notice")
        #expect((arrived.count - 1) + (missing ?? 0) == 5000)
        #expect(missing ?? 0 > 0)
    }

    @Test func `a reader that is gone costs the line and nothing else`() throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let output = LogPipe(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        for number in 0..<10 { output.line(line(number)) }
    }
}
