import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// A Hummingbird on a free loopback port with the routes these tests need.
enum EchoServer {
    /// Runs `body` with the server's port, and stops the server after it.
    static func run<Result: Sendable>(_ body: @Sendable (Int) async throws -> Result) async throws -> Result {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        var quiet = Logger(label: "echo")
        quiet.logLevel = .error
        let application = Application(
            router: router(),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) },
            logger: quiet
        )
        let services = ServiceGroup(configuration: .init(services: [application], logger: quiet))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            var iterator = ports.makeAsyncIterator()
            let found = await iterator.next() ?? 0
            let result: Result
            do {
                result = try await body(found)
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            // Gracefully: NIO traps when it is cancelled while a connection is just being taken.
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            return result
        }
    }

    private static func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("hello") { _, _ in "hello" }
        router.get("redirect") { _, _ in Response(status: .found, headers: [.location: "/hello"]) }
        router.get("loop") { _, _ in Response(status: .found, headers: [.location: "/loop"]) }
        router.get("status/:code") { _, context in
            Response(status: .init(code: try context.parameters.require("code", as: Int.self)))
        }
        router.get("bytes/:count") { _, context in
            let count = try context.parameters.require("count", as: Int.self)
            return Response(
                status: .ok,
                body: ResponseBody { writer in
                    var left = count
                    while left > 0 {
                        let size = min(left, 64 << 10)
                        try await writer.write(ByteBuffer(repeating: UInt8(ascii: "x"), count: size))
                        left -= size
                    }
                    try await writer.finish(nil)
                }
            )
        }
        for method in [HTTPRequest.Method.post, .put, .patch, .delete, .get, .head] {
            router.on("echo", method: method) { request, _ in try await echo(request) }
        }
        return router
    }

    /// The body back as it came, and what was said about it in header fields.
    private static func echo(_ request: Request) async throws -> Response {
        var said: HTTPFields = [:]
        for (name, field) in [("x-type", HTTPField.Name.contentType), ("x-expect", .expect), ("x-agent", .userAgent)] {
            if let name = HTTPField.Name(name) { said[name] = request.headers[field] ?? "none" }
        }
        if let name = HTTPField.Name("x-method") { said[name] = request.method.rawValue }
        if let name = HTTPField.Name("x-length") { said[name] = request.headers[.contentLength] ?? "none" }
        let body = try await request.body.collect(upTo: 64 << 20)
        return Response(status: .ok, headers: said, body: ResponseBody(byteBuffer: body))
    }
}
