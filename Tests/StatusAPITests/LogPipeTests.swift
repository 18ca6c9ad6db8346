import Foundation
import Observability
import Testing

/// Lines are logged on the threads that renew leases, so none may wait for whoever reads them.
@Suite(.timeLimit(.minutes(5)))
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
            var look = pollfd(fd: pipe.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            #expect(poll(&look, 1, 0) == 1)
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
        #expect(output.flush(within: .seconds(60)))
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

    @Test func `what is beyond the limit is dropped, counted and told in its place`() throws {
        let pipe = Pipe()
        let output = LogPipe(descriptor: pipe.fileHandleForWriting.fileDescriptor, waitingLimit: 50_000)
        for number in 0..<5000 { output.line(line(number)) }
        #expect(!output.flush(within: .zero), "nobody has read")
        var next = 0
        var missing = 0
        var data = Data()
        while next < 5000 {
            data += pipe.fileHandleForReading.availableData
            while let end = data.firstIndex(of: UInt8(ascii: "\n")) {
                let text = String(decoding: data[..<end], as: UTF8.self)
                data = Data(data[(end + 1)...])
                let number = try #require(Int(text.prefix { $0.isNumber }))
                if text.contains("log lines are missing") {
                    missing += number
                    next += number
                } else {
                    #expect(number == next)
                    next += 1
                }
            }
        }
        #expect(next == 5000)
        #expect(missing > 0)
        #expect(output.flush(within: .seconds(60)))
    }

    @Test func `a reader that is gone costs its lines, and keeps nobody`() throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let output = LogPipe(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        for number in 0..<10 { output.line(line(number)) }
        output.line(line(10, of: 200_000))
        withExtendedLifetime(pipe) { #expect(output.flush(within: .seconds(60))) }
    }
}
