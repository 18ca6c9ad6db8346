import Curl
import Foundation
import HTTPTypes
import NIOConcurrencyHelpers
import Testing

/// Each error code is provoked here, but those of uploads (CurlUploadTests), TLS and proxies (files of their own).
@Suite(.timeLimit(.minutes(5)))
struct CurlFailureTests {
    @Test
    func `a host without address cannot be resolved`() async throws {
        try await withCurl { curl in
            let request = HTTPRequest(
                method: .post, scheme: "http", authority: "nowhere.invalid", path: "/a?token=secret")
            let error = try await failure { try await curl.send(request, body: .bytes([1])) }
            #expect(error.code == .couldNotResolve)
            #expect(error.isTransient)
            #expect(!error.requestMayHaveArrived)
            #expect(error.operation == "POST http://nowhere.invalid/a")
            #expect(!"\(error) \(String(reflecting: error))".contains("secret"))
        }
    }

    @Test
    func `a closed port cannot be connected to`() async throws {
        let port = try ScriptedServer.closedPort()
        try await withCurl { curl in
            let error = try await failure { try await curl.send(request("/", port: port)) }
            #expect(error.code == .couldNotConnect)
            #expect(error.isTransient)
            #expect(!error.requestMayHaveArrived)
        }
    }

    @Test
    func `a server that hangs up without an answer may have acted`() async throws {
        let server = try ScriptedServer { connection in _ = connection.readHead() }
        try await withCurl { curl in
            let error = try await failure { try await curl.send(request(.post, "/", port: server.port)) }
            #expect(error.code == .receiveFailed)
            #expect(error.isTransient)
            #expect(error.requestMayHaveArrived)
        }
    }

    @Test(arguments: [HTTPRequest.Method.post, .patch])
    func `what must not happen twice is not sent again when a connection that was used before dies`(
        method: HTTPRequest.Method
    ) async throws {
        let heard = NIOLockedValueBox(0)
        let server = try ScriptedServer { connection in
            while true {
                let head = connection.readHead()
                if head.isEmpty { return }
                guard head.hasPrefix("GET") else {
                    heard.withLockedValue { $0 += 1 }
                    return
                }
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        try await withCurl { curl in
            _ = try await curl.send(request("/", port: server.port)).collect()
            let error = try await failure { try await curl.send(request(method, "/", port: server.port)) }
            #expect(error.requestMayHaveArrived)
        }
        #expect(heard.withLockedValue(\.self) == 1)
    }

    @Test
    func `a connection cut in the middle of an upload proves that the whole never arrived`() async throws {
        let server = try ScriptedServer { connection in _ = connection.readHead() }
        try await withCurl { curl in
            let body = CurlBody.bytes([UInt8](repeating: 1, count: 64 << 20))
            let error = try await failure { try await curl.send(request(.post, "/", port: server.port), body: body) }
            #expect([.sendFailed, .receiveFailed].contains(error.code))
            #expect(error.sentCompletely == false)
        }
    }

    @Test
    func `a body that breaks off gives what came, then the error`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        }
        try await withCurl { curl in
            let response = try await curl.send(request("/", port: server.port))
            var got: [UInt8] = []
            let error = try await failure { for try await chunk in response.body { got += chunk } }
            #expect(got == Array("abc".utf8))
            #expect(error.code == .receiveFailed)
            #expect(error.sentCompletely == true)
        }
    }

    @Test
    func `an answer that is no HTTP is refused`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            connection.write("220 smtp.example ESMTP\r\n\r\n")
        }
        try await withCurl { curl in
            let error = try await failure { try await curl.send(request("/", port: server.port)) }
            #expect(error.code == .receiveFailed)
        }
    }

    @Test
    func `a total timeout ends a request nobody answers`() async throws {
        let server = try ScriptedServer { $0.readToEnd() }
        try await withCurl { curl in
            let options = CurlRequestOptions(totalTimeout: .milliseconds(200))
            let error = try await failure { try await curl.send(request("/", port: server.port), options: options) }
            #expect(error.code == .timedOut)
            #expect(error.isTransient)
            #expect(error.sentCompletely == true)
        }
    }

    @Test
    func `a stalled answer is given up after the low-speed time`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.readToEnd()
        }
        try await withCurl {
            $0.lowSpeedTime = .seconds(1)
        } _: { curl in
            let response = try await curl.send(request("/", port: server.port))
            let error = try await failure { try await response.collect() }
            #expect(error.code == .timedOut)
        }
    }

    @Test
    func `more bytes than the limit are refused`() async throws {
        try await EchoServer.run { port in
            try await withCurl {
                $0.maxResponseBodyBytes = 1000
            } _: { curl in
                let exact = try await curl.send(request("/bytes/1000", port: port))
                #expect(try await exact.collect().count == 1000)
                let error = try await failure { try await curl.send(request("/bytes/1001", port: port)).collect() }
                #expect(error.code == .tooLarge)
                #expect(!error.isTransient)
            }
        }
    }

    @Test(arguments: ["ftp", nil] as [String?])
    func `an address that is not http is refused`(scheme: String?) async throws {
        try await withCurl { curl in
            let request = HTTPRequest(method: .get, scheme: scheme, authority: "localhost", path: "/")
            let error = try await failure { try await curl.send(request) }
            #expect(error.code == .invalidRequest)
            #expect(error.sentCompletely == false)
        }
    }

    @Test
    func `a malformed address is refused`() async throws {
        try await withCurl { curl in
            let request = HTTPRequest(method: .get, scheme: "http", authority: "a b:99999999", path: "/")
            let error = try await failure { try await curl.send(request) }
            #expect(error.code == .invalidRequest)
        }
    }

    @Test
    func `a folder that is missing cannot be saved to`() async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let error = try await failure {
                    try await curl.download(request("/hello", port: port), to: "/nowhere/file", limit: 100)
                }
                #expect(error.code == .unwritableFile)
            }
        }
    }

    @Test
    func `cancelling the task takes the transfer off the wire`() async throws {
        let (arrivals, arrival) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection in
            arrival.yield(connection.readHead())
            connection.readToEnd()
            arrival.yield("hung up")
        }
        try await withCurl { curl in
            let task = Task { try await curl.send(request("/", port: server.port)) }
            var iterator = arrivals.makeAsyncIterator()
            _ = await iterator.next()
            task.cancel()
            let error = try await failure { try await task.value }
            #expect(error.code == .cancelled)
            #expect(error.sentCompletely == true)
            let last = await iterator.next()
            #expect(last == "hung up")
        }
    }

    @Test
    func `a task cancelled beforehand sends nothing`() async throws {
        try await withCurl { curl in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await curl.send(request("/", port: 1))
            }
            let error = try await failure { try await task.value }
            #expect(error.code == .cancelled)
            #expect(error.sentCompletely == false)
        }
    }

    @Test
    func `a reader that stops holds the server back, and letting go hangs up`() async throws {
        let (events, event) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            connection.limitStall(milliseconds: 300)
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            let block = [UInt8](repeating: 0, count: 1 << 20)
            // Loopback sockets hold a few megabytes; 64 more would mean that the client reads without being asked to.
            var isHeldBack = false
            for _ in 0..<64 where !isHeldBack { isHeldBack = !connection.write(block) }
            event.yield(isHeldBack ? "held back" : "all read")
            connection.readToEnd()
            event.yield("hung up")
        }
        try await withCurl { curl in
            var iterator = events.makeAsyncIterator()
            do {
                let response = try await curl.send(request("/", port: server.port))
                let stall = await iterator.next()
                #expect(stall == "held back")
                _ = response.head
            }
            let last = await iterator.next()
            #expect(last == "hung up")
        }
    }

    @Test
    func `one request too many is refused at once`() async throws {
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            arrival.yield()
            connection.readToEnd()
        }
        try await withCurl {
            $0.maxRequests = 1
        } _: { curl in
            let first = Task { try await curl.send(request("/", port: server.port)) }
            var iterator = arrivals.makeAsyncIterator()
            await iterator.next()
            let error = try await failure { try await curl.send(request("/", port: server.port)) }
            #expect(error.code == .overloaded)
            #expect(error.isTransient)
            first.cancel()
        }
    }

    @Test
    func `shutdown ends what is under way and refuses what follows`() async throws {
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            arrival.yield()
            connection.readToEnd()
        }
        try await withCurl { curl in
            let first = Task { try await curl.send(request("/", port: server.port)) }
            var iterator = arrivals.makeAsyncIterator()
            await iterator.next()
            curl.shutdown()
            let ended = try await failure { try await first.value }
            #expect(ended.code == .closed)
            let error = try await failure { try await curl.send(request("/", port: server.port)) }
            #expect(error.code == .closed)
        }
    }
}
