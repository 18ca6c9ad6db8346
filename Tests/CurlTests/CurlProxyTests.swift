import Curl
import Foundation
import HTTPTypes
import NIOConcurrencyHelpers
import Testing

@Suite(.timeLimit(.minutes(5)))
struct CurlProxyTests {
    @Test
    func `plain requests go through the proxy with its credentials`() async throws {
        let heads = NIOLockedValueBox<[String]>([])
        let proxy = try ScriptedServer { connection in
            let head = connection.readHead()
            heads.withLockedValue { $0.append(head) }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")
        }
        try await withCurl {
            $0.proxy = "http://ana:secret@127.0.0.1:\(proxy.port)"
        } _: { curl in
            let target = HTTPRequest(method: .get, scheme: "http", authority: "school.example", path: "/a")
            let body = try await curl.send(target).collect()
            #expect(body == Array("proxy".utf8))
        }
        let head = try #require(heads.withLockedValue { $0.first })
        #expect(head.hasPrefix("GET http://school.example/a HTTP/1.1\r\n"))
        #expect(head.contains("Proxy-Authorization: Basic YW5hOnNlY3JldA=="))
    }

    @Test
    func `TLS goes through a tunnel`() async throws {
        try await TLSServer.run { server in
            let tunnels = NIOLockedValueBox<[String]>([])
            let proxy = try ScriptedServer { connection in
                let head = connection.readHead()
                tunnels.withLockedValue { $0.append(head) }
                connection.write("HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
                connection.relay(to: server.port)
            }
            try await withCurl { configuration in
                configuration.proxy = "http://127.0.0.1:\(proxy.port)"
                configuration.caFile = server.certificate
            } _: { curl in
                let response = try await curl.send(request("/page", port: server.port, scheme: "https"))
                #expect(field(response.head, "x-proxy") == nil)
                #expect(try await response.collect() == Array("page".utf8))
            }
            #expect(
                tunnels.withLockedValue { $0.first }?.hasPrefix("CONNECT 127.0.0.1:\(server.port) HTTP/1.1") == true)
        }
    }

    @Test(arguments: [407, 503])
    func `a tunnel refused is the proxy's failure`(status: Int) async throws {
        let proxy = try ScriptedServer { connection in
            _ = connection.readHead()
            connection.write("HTTP/1.1 \(status) No\r\nContent-Length: 0\r\n\r\n")
        }
        try await withCurl {
            $0.proxy = "http://127.0.0.1:\(proxy.port)"
        } _: { curl in
            let error = try await failure {
                try await curl.send(request(.post, "/", port: 1, scheme: "https"), body: .bytes([1]))
            }
            #expect(error.code == .proxyFailed)
            #expect(error.isTransient == (status == 503))
            #expect(!error.requestMayHaveArrived)
        }
    }

    @Test
    func `a proxy without address is the proxy's failure`() async throws {
        try await withCurl {
            $0.proxy = "http://nowhere.invalid:3128"
        } _: { curl in
            let error = try await failure { try await curl.send(request("/", port: 1)) }
            #expect(error.code == .proxyFailed)
            #expect(!error.requestMayHaveArrived)
        }
    }

    @Test
    func `hosts named as direct skip the proxy`() async throws {
        try await EchoServer.run { port in
            try await withCurl { configuration in
                configuration.proxy = "http://nowhere.invalid:3128"
                configuration.noProxy = ["127.0.0.1"]
            } _: { curl in
                let response = try await curl.send(request("/hello", port: port))
                #expect(response.head.status == .ok)
            }
        }
    }

    @Test
    func `a configuration shown never shows the proxy's password`() {
        var configuration = CurlConfiguration()
        configuration.proxy = "http://ana:secret@proxy.example"
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!"\(configuration) \(String(reflecting: configuration)) \(dumped)".contains("secret"))
    }
}
