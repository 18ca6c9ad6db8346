import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import LocalServers

/// Nodes that find their ports taken.
@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct LocalRabbitMQTests {
    @Test func `a port is not one of outgoing connections, nobody has it, and nobody gets it twice`() throws {
        let taken = try #require(RabbitMQServer.current).port
        let ephemeral = LocalServerPort.ephemeral()
        let ports = try (0..<2000).map { _ in try LocalServerPort.free() }
        #expect(Set(ports).count == ports.count)
        #expect(!ports.contains(taken))
        if !LocalServerPort.candidates(ephemeral: ephemeral).isEmpty {
            #expect(ports.filter(ephemeral.contains) == [])
        }
    }

    @Test(arguments: [
        (32_768...60_999, 10_000..<32_768), (11_000...65_535, 10_000..<11_000), (10_999...60_999, 61_000..<65_536),
        (1024...64_535, 64_536..<65_536), (1024...65_535, 10_000..<10_000), (2000...8000, 10_000..<65_536),
    ])
    func `ports are those beside the ones of outgoing connections`(ephemeral: ClosedRange<Int>, ports: Range<Int>) {
        #expect(LocalServerPort.candidates(ephemeral: ephemeral) == ports)
    }

    @Test func `a node whose port somebody took meanwhile starts with another one`() async throws {
        let taken = try #require(RabbitMQServer.current).port
        let given = NIOLockedValueBox(0)
        let node = try await LocalRabbitMQ.start(in: nil, port: nil, tls: false, management: false, membership: nil) {
            // Of each node the first is for clients, the second for other nodes.
            let isSecond = given.withLockedValue { given in
                given += 1
                return given == 2
            }
            return isSecond ? taken : try LocalServerPort.free()
        }
        #expect(given.withLockedValue(\.self) == 4)
        #expect(try await node.ctl(["list_vhosts", "--no-table-headers"]).contains("/"))
        try await node.stop()
        #expect(!FileManager.default.fileExists(atPath: "erl_crash.dump"))
    }

    @Test func `a node that must have a port that is taken says so, and leaves no folder behind`() async throws {
        let taken = try #require(RabbitMQServer.current).port
        let error = try #require(
            await #expect(throws: ServerError.self) { _ = try await LocalRabbitMQ.start(port: taken) })
        #expect(error.code == .notReady)
        let folder = try #require(error.operation.split(separator: " ").last)
        #expect(folder.contains("rosterline-rabbitmq-"))
        // The process that watched over the node removes it, too.
        try await eventually("the folder is gone") { !FileManager.default.fileExists(atPath: String(folder)) }
    }
}
