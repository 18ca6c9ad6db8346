import Curl
import Foundation
import HTTPTypes
import NIOConcurrencyHelpers
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct CurlUploadTests {
    @Test
    func `a file is sent as it lies on disk`() async throws {
        try await EchoServer.run { port in
            try await withFolder { folder in
                try await withCurl { curl in
                    let content = Data((0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
                    try content.write(to: URL(filePath: folder + "/body"))
                    let response = try await curl.send(
                        request(.put, "/echo", port: port), body: .file(path: folder + "/body"))
                    #expect(field(response.head, "x-length") == "500000")
                    #expect(try await response.collect() == Array(content))
                }
            }
        }
    }

    @Test(arguments: [nil, 2_000_000] as [Int64?])
    func `a sequence is sent as it is produced`(length: Int64?) async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let chunks = ChunkSequence(chunks: 20, size: 100_000)
                let response = try await curl.send(
                    request(.post, "/echo", port: port), body: .stream(length: length, chunks))
                #expect(field(response.head, "x-length") == (length.map { "\($0)" } ?? "none"))
                #expect(try await response.collect().count == 2_000_000)
            }
        }
    }

    @Test(arguments: [1_999_999, 2_000_001] as [Int64])
    func `a sequence that breaks its length fails the request`(length: Int64) async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let chunks = ChunkSequence(chunks: 20, size: 100_000)
                let error = try await failure {
                    try await curl.send(request(.post, "/echo", port: port), body: .stream(length: length, chunks))
                        .collect()
                }
                #expect(error.code == .bodyFailed)
                #expect(error.sentCompletely == false)
            }
        }
    }

    @Test
    func `a sequence that throws fails the request`() async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let chunks = ChunkSequence(chunks: 3, size: 100_000, throwsAtEnd: true)
                let error = try await failure {
                    try await curl.send(request(.post, "/echo", port: port), body: .stream(length: nil, chunks))
                }
                #expect(error.code == .bodyFailed)
                #expect(!error.isTransient)
            }
        }
    }

    @Test
    func `a server that does not read holds the sequence back`() async throws {
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            let wait = DispatchSemaphore(value: 0)
            Task {
                for await _ in stops { break }
                wait.signal()
            }
            wait.wait()
        }
        let produced = NIOLockedValueBox(0)
        try await withCurl { curl in
            let chunks = ChunkSequence(chunks: 1000, size: 100_000) { produced.withLockedValue { $0 += 1 } }
            let upload = Task {
                try await curl.send(request(.post, "/", port: server.port), body: .stream(length: nil, chunks))
            }
            // Settled = the same count for half a second; all 100 MB would go through in less.
            var last = -1
            try await eventually("nothing more is produced") {
                try await Task.sleep(for: .milliseconds(500))
                defer { last = produced.withLockedValue { $0 } }
                return last > 0 && last == produced.withLockedValue { $0 }
            }
            #expect(produced.withLockedValue { $0 } < 300)
            upload.cancel()
            let error = try await failure { try await upload.value }
            #expect(error.code == .cancelled)
            stop.finish()
        }
    }

    @Test
    func `an answer that comes before the body's end ends the sequence`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            connection.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        let (endless, source) = AsyncThrowingStream.makeStream(of: [UInt8].self, throwing: (any Error).self)
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        source.onTermination = { _ in end.finish() }
        source.yield([1, 2, 3])
        try await withCurl { curl in
            let response = try await curl.send(
                request(.post, "/", port: server.port), body: .stream(length: nil, endless))
            #expect(response.head.status == .contentTooLarge)
            #expect(try await response.collect().isEmpty)
        }
        for await _ in ends {}
    }

    @Test
    func `a form carries fields, bytes and files`() async throws {
        try await EchoServer.run { port in
            try await withFolder { folder in
                try await withCurl { curl in
                    try Data("a,b\n".utf8).write(to: URL(filePath: folder + "/rows.csv"))
                    let parts = [
                        CurlPart.field("import_type", "instructure_csv"),
                        CurlPart.field("empty", ""),
                        CurlPart(
                            name: "attachment",
                            filename: "Übung \"1\".csv",
                            contentType: "text/csv",
                            content: .file(path: folder + "/rows.csv")
                        ),
                    ]
                    let response = try await curl.send(request(.post, "/echo", port: port), body: .multipart(parts))
                    let type = try #require(field(response.head, "x-type"))
                    #expect(type.hasPrefix("multipart/form-data; boundary="))
                    let text = String(decoding: try await response.collect(), as: UTF8.self)
                    #expect(text.contains("name=\"import_type\"\r\n\r\ninstructure_csv\r\n"))
                    #expect(text.contains("name=\"empty\"\r\n\r\n\r\n"))
                    #expect(text.contains("filename=\"Übung %221%22.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\n\r\n"))
                }
            }
        }
    }

    @Test
    func `a body that cannot be opened is known before anything is sent`() async throws {
        try await withCurl { curl in
            for body in [
                CurlBody.file(path: "/nowhere/file"), .file(path: "/tmp"),
                .multipart([CurlPart(name: "a", content: .file(path: "/nowhere/file"))]),
            ] {
                let error = try await failure { try await curl.send(request(.post, "/", port: 1), body: body) }
                #expect(error.code == .unreadableFile)
                #expect(error.sentCompletely == false)
            }
        }
    }
}

/// Chunks of zeros, each announced by `onChunk` when it is asked for.
struct ChunkSequence: AsyncSequence, Sendable {
    let chunks: Int
    let size: Int
    var throwsAtEnd = false
    var onChunk: @Sendable () -> Void = {}

    struct AsyncIterator: AsyncIteratorProtocol {
        let sequence: ChunkSequence
        var left: Int

        mutating func next() async throws -> [UInt8]? {
            guard left > 0 else {
                if sequence.throwsAtEnd { throw Unexpected(what: "as planned") }
                return nil
            }
            left -= 1
            sequence.onChunk()
            return [UInt8](repeating: 0, count: sequence.size)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(sequence: self, left: chunks) }
}
