import Curl
import Foundation
import HTTPTypes
import Testing

/// Against nghttpd, a server that speaks HTTP/2 and nothing else, with a certificate made for the test.
@Suite(.timeLimit(.minutes(5)))
struct CurlTLSTests {
    @Test
    func `HTTP 2 carries many requests over one connection`() async throws {
        try await TLSServer.run { server in
            try await withCurl {
                $0.caFile = server.certificate
            } _: { curl in
                try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 1...100 {
                        group.addTask {
                            let response = try await curl.send(request("/page", port: server.port, scheme: "https"))
                            return response.version + String(decoding: try await response.collect(), as: UTF8.self)
                        }
                    }
                    for try await answer in group { #expect(answer == "HTTP/2page") }
                }
            }
        }
    }

    @Test
    func `HTTP 2 carries bodies of known and unknown length`() async throws {
        try await TLSServer.run { server in
            try await withCurl {
                $0.caFile = server.certificate
            } _: { curl in
                let post = request(.post, "/page", port: server.port, scheme: "https")
                let bytes = try await curl.send(post, body: .bytes([UInt8](repeating: 1, count: 3_000_000)))
                #expect(try await bytes.collect().count == 3_000_000)
                let chunks = ChunkSequence(chunks: 30, size: 100_000)
                let stream = try await curl.send(post, body: .stream(length: nil, chunks))
                #expect(try await stream.collect().count == 3_000_000)
            }
        }
    }

    @Test
    func `a certificate of an unknown authority is refused for good`() async throws {
        try await TLSServer.run { server in
            try await withCurl { curl in
                let error = try await failure {
                    try await curl.send(request("/page", port: server.port, scheme: "https"))
                }
                #expect(error.code == .tlsFailed)
                #expect(!error.isTransient)
                #expect(!error.requestMayHaveArrived)
            }
            try await withCurl {
                $0.caFile = "/nowhere/ca.pem"
            } _: { curl in
                let error = try await failure {
                    try await curl.send(request("/page", port: server.port, scheme: "https"))
                }
                #expect(error.code == .tlsFailed)
            }
        }
    }

    @Test
    func `a certificate for another name is refused`() async throws {
        try await TLSServer.run { server in
            try await withCurl {
                $0.caFile = server.certificate
            } _: { curl in
                let other = HTTPRequest(
                    method: .get, scheme: "https", authority: "localhost:\(server.port)", path: "/page")
                let error = try await failure { try await curl.send(other) }
                #expect(error.code == .tlsFailed)
            }
        }
    }

    @Test
    func `a handshake that breaks off may succeed later`() async throws {
        let server = try ScriptedServer { connection in _ = connection.read(1) }
        try await withCurl { curl in
            let error = try await failure { try await curl.send(request("/", port: server.port, scheme: "https")) }
            #expect(error.code == .tlsFailed)
            #expect(error.isTransient)
            #expect(!error.requestMayHaveArrived)
        }
    }
}
