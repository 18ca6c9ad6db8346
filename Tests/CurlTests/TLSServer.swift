import Curl
import Foundation
import LocalServers
import TestSupport
import Testing

/// nghttpd on a free loopback port, a server that speaks HTTP/2 and nothing else; its certificate, for 127.0.0.1
/// only, is its own authority.
struct TLSServer: Sendable {
    let port: Int
    let certificate: String
    private let process: LocalServerProcess

    /// The server lives as long as `body` runs.
    static func run(_ body: (TLSServer) async throws -> Void) async throws {
        try await withFolder { folder in
            let server = try await TLSServer(folder: folder)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(server))
            } catch {
                result = .failure(error)
            }
            // It is asked with SIGKILL, as nghttpd heeds nothing less from a shell's background.
            try await server.process.kill()
            try result.get()
        }
    }

    private init(folder: String) async throws {
        let (key, certificate) = (folder + "/key.pem", folder + "/certificate.pem")
        let (status, output) = try await LocalServerProcess.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2",
            "-keyout", key, "-out", certificate, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
        ])
        guard status == 0 else { throw Unexpected(what: "openssl (apt-get install openssl): \(output)") }
        try Data("page".utf8).write(to: URL(filePath: folder + "/page"))
        self.certificate = certificate
        // A port that is free now may be another test's a moment later.
        var attempt = 1
        while true {
            let port = try ScriptedServer.closedPort()
            let log = folder + "/nghttpd\(attempt).log"
            let process = try LocalServerProcess(
                [
                    "nghttpd", "--address=127.0.0.1", "--htdocs=\(folder)", "--echo-upload", "\(port)", key,
                    certificate,
                ],
                log: log
            )
            if try await Self.answers(process, port: port, certificate: certificate) {
                (self.port, self.process) = (port, process)
                return
            }
            try? await process.kill()
            guard attempt < 5 else {
                let words = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                throw Unexpected(what: "nghttpd ended (apt-get install nghttp2-server): \(words)")
            }
            attempt += 1
        }
    }

    /// Waits for an answer.
    /// - Returns: false if the process ended before it gave one.
    private static func answers(_ process: LocalServerProcess, port: Int, certificate: String) async throws -> Bool {
        try await withCurl {
            $0.caFile = certificate
        } _: { curl in
            var hasEnded = false
            try await eventually("it answers") {
                hasEnded = await !process.isRunning
                if hasEnded { return true }
                return (try? await curl.send(request("/page", port: port, scheme: "https"))) != nil
            }
            return !hasEnded
        }
    }
}
