import Curl
import Foundation
import HTTPTypes
import Logging
import Testing

/// A client for one test, ended after it.
func withCurl<Result>(
    _ configure: (inout CurlConfiguration) -> Void = { _ in },
    _ body: (CurlClient) async throws -> Result
) async throws -> Result {
    var configuration = CurlConfiguration()
    configure(&configuration)
    let client = CurlClient(configuration: configuration, logger: Logger(label: "curl.test"))
    defer { client.shutdown() }
    return try await body(client)
}

func request(
    _ method: HTTPRequest.Method,
    _ path: String,
    port: Int,
    scheme: String = "http"
) -> HTTPRequest {
    HTTPRequest(method: method, scheme: scheme, authority: "127.0.0.1:\(port)", path: path)
}

func request(_ path: String, port: Int, scheme: String = "http") -> HTTPRequest {
    request(.get, path, port: port, scheme: scheme)
}

/// The error of a request that must fail.
func failure(_ body: () async throws -> some Any) async throws -> CurlError {
    do {
        _ = try await body()
    } catch let error as CurlError {
        return error
    }
    throw Unexpected(what: "the request did not fail")
}

struct Unexpected: Error {
    let what: String
}

/// A folder of one test's own, removed after it.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "curl-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder.path())
}

func field(_ response: HTTPResponse, _ name: String) -> String? {
    HTTPField.Name(name).flatMap { response.headerFields[$0] }
}
