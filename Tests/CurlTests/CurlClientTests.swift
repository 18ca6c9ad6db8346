import Curl
import Foundation
import HTTPTypes
import Testing

@Suite(.timeLimit(.minutes(5)))
struct CurlClientTests {
    @Test
    func `an answer has status, version and body`() async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let response = try await curl.send(request("/hello", port: port))
                #expect(response.head.status == .ok)
                #expect(response.version == "HTTP/1.1")
                #expect(try await response.collect() == Array("hello".utf8))
            }
        }
    }

    @Test(arguments: [200, 204, 304, 404, 429, 503])
    func `every status is an answer, not an error`(status: Int) async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let response = try await curl.send(request("/status/\(status)", port: port))
                #expect(response.head.status.code == status)
                #expect(try await response.collect().isEmpty)
            }
        }
    }

    @Test(arguments: [HTTPRequest.Method.post, .put, .patch, .delete])
    func `bytes arrive under each method with their length and no Expect`(method: HTTPRequest.Method) async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let sent = [UInt8](repeating: 7, count: 3 << 20)
                let response = try await curl.send(request(method, "/echo", port: port), body: .bytes(sent))
                #expect(field(response.head, "x-method") == method.rawValue)
                #expect(field(response.head, "x-length") == "\(sent.count)")
                #expect(field(response.head, "x-expect") == "none")
                #expect(field(response.head, "x-type") == "none")
                #expect(field(response.head, "x-agent") == "rosterline")
                #expect(try await response.collect() == sent)
            }
        }
    }

    @Test(arguments: [HTTPRequest.Method.get, .head, .delete, .post])
    func `a request without body says so`(method: HTTPRequest.Method) async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let response = try await curl.send(request(method, "/echo", port: port))
                #expect(field(response.head, "x-method") == method.rawValue)
                #expect(["none", "0"].contains(field(response.head, "x-length")))
            }
        }
    }

    @Test
    func `a long body comes in chunks and whole`() async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let response = try await curl.send(request("/bytes/20000000", port: port))
                var (total, largest) = (0, 0)
                for try await chunk in response.body {
                    total += chunk.count
                    largest = max(largest, chunk.count)
                }
                #expect(total == 20_000_000)
                #expect(largest <= 272 << 10)
            }
        }
    }

    @Test
    func `a connection serves request after request`() async throws {
        let server = try ScriptedServer { connection in
            while !connection.readHead().isEmpty {
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        try await withCurl { curl in
            for _ in 1...20 {
                let body = try await curl.send(request("/", port: server.port)).collect()
                #expect(body == Array("ok".utf8))
            }
        }
        #expect(server.maxConnections == 1)
    }

    @Test
    func `many requests at once share the connections allowed to a host`() async throws {
        let server = try ScriptedServer { connection in
            while !connection.readHead().isEmpty {
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        try await withCurl {
            $0.maxConnectionsPerHost = 4
        } _: { curl in
            let total = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...300 {
                    group.addTask { try await curl.send(request("/", port: server.port)).collect().count }
                }
                return try await group.reduce(0, +)
            }
            #expect(total == 600)
        }
        #expect((2...4).contains(server.maxConnections))
    }

    @Test
    func `interim answers and trailers are not the answer`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readHead()
            connection.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nX-A: 2\r\n\r\n")
            connection.write("3\r\nabc\r\n0\r\nX-Late: yes\r\n\r\n")
        }
        try await withCurl { curl in
            let response = try await curl.send(request("/", port: server.port))
            #expect(response.head.status == .ok)
            #expect(field(response.head, "x-a") == "1, 2")
            #expect(field(response.head, "link") == nil)
            #expect(try await response.collect() == Array("abc".utf8))
        }
    }

    @Test
    func `redirects are followed only where asked for`() async throws {
        try await EchoServer.run { port in
            try await withCurl { curl in
                let stay = try await curl.send(request("/redirect", port: port))
                #expect(stay.head.status == .found)
                let options = CurlRequestOptions(followRedirects: true)
                let follow = try await curl.send(request("/redirect", port: port), options: options)
                #expect(try await follow.collect() == Array("hello".utf8))
                let error = try await failure { try await curl.send(request("/loop", port: port), options: options) }
                #expect(error.code == .tooManyRedirects)
                #expect(!error.isTransient)
            }
        }
    }

    @Test
    func `a redirect to another server does not take the token along`() async throws {
        let (heads, head) = AsyncStream.makeStream(of: String.self)
        let other = try ScriptedServer { connection in
            head.yield(connection.readHead())
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        let first = try ScriptedServer { connection in
            head.yield(connection.readHead())
            let address = "http://127.0.0.1:\(other.port)/b"
            connection.write("HTTP/1.1 302 Found\r\nLocation: \(address)\r\nContent-Length: 0\r\n\r\n")
        }
        try await withCurl { curl in
            var request = request("/a", port: first.port)
            request.headerFields[.authorization] = "Bearer secret"
            let response = try await curl.send(request, options: CurlRequestOptions(followRedirects: true))
            #expect(response.head.status == .ok)
        }
        head.finish()
        var seen: [String] = []
        for await head in heads { seen.append(head) }
        #expect(seen.map { $0.contains("Bearer secret") } == [true, false])
    }

    @Test
    func `a download appears whole or not at all`() async throws {
        try await EchoServer.run { port in
            try await withFolder { folder in
                try await withCurl { curl in
                    let path = folder + "/file"
                    let (head, count) = try await curl.download(
                        request("/bytes/1000000", port: port), to: path, limit: 1_000_000)
                    #expect(head.status == .ok)
                    #expect(count == 1_000_000)
                    #expect(try Data(contentsOf: URL(filePath: path)).count == 1_000_000)
                    let (missing, none) = try await curl.download(
                        request("/status/404", port: port), to: path + "2", limit: 1)
                    #expect(missing.status == .notFound)
                    #expect(none == 0)
                    let error = try await failure {
                        try await curl.download(request("/bytes/1000000", port: port), to: path + "3", limit: 999_999)
                    }
                    #expect(error.code == .tooLarge)
                    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
                }
            }
        }
    }
}
