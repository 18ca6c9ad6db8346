import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A wire that can be hurt: takes TCP connections on a free loopback port and carries them to another.
///
/// A black hole holds what comes and delivers it when it ends, which is what TCP makes of lost packets; a reset ends
/// the connection on both sides without a farewell.
final class NetworkProxy: Sendable {
    /// One of the two ways of a connection.
    enum Way: Sendable, CaseIterable {
        case toServer
        case toClient
    }

    /// What the wire does to what it carries.
    struct Condition: Sendable, Hashable {
        /// Added each way.
        var latency = Duration.zero
        /// Ways on which nothing arrives for now.
        var blackHoles: Set<Way> = []
    }

    private struct State {
        var condition = Condition()
        var connections: [ObjectIdentifier: ProxiedConnection] = [:]
    }

    private let state = NIOLockedValueBox(State())
    private let listener: any Channel
    /// Where clients are to connect.
    let port: Int

    /// Listens.
    /// - Parameters:
    ///   - host: of the server behind.
    ///   - port: of the server behind.
    static func start(to host: String, port: Int) async throws -> NetworkProxy {
        let connections = NIOLockedValueBox<NetworkProxy?>(nil)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop).channelOption(.autoRead, value: false)
                    .connect(host: host, port: port)
                    .flatMapThrowing { server in
                        guard let proxy = connections.withLockedValue(\.self) else {
                            throw ChannelError.ioOnClosedChannel
                        }
                        try proxy.join(client, server)
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let proxy = NetworkProxy(listener)
        connections.withLockedValue { $0 = proxy }
        return proxy
    }

    private init(_ listener: any Channel) {
        self.listener = listener
        port = listener.localAddress?.port ?? 0
    }

    /// Changes the wire for what comes from now on; what a black hole held goes on when it ends.
    func set(_ change: (inout Condition) -> Void) {
        let connections = state.withLockedValue { state in
            change(&state.condition)
            return Array(state.connections.values)
        }
        for connection in connections { connection.flush() }
    }

    var condition: Condition { state.withLockedValue(\.condition) }

    /// Resets connections that are open, each with this chance in a hundred.
    /// - Returns: how many.
    func reset(percent: Int, using draw: (Range<Int>) -> Int) -> Int {
        let doomed = state.withLockedValue { Array($0.connections.values) }.filter { _ in draw(0..<100) < percent }
        for connection in doomed { connection.reset() }
        return doomed.count
    }

    /// Ends all connections and the listener.
    func stop() async {
        for connection in state.withLockedValue({ Array($0.connections.values) }) { connection.reset() }
        try? await listener.close()
    }

    private func join(_ client: any Channel, _ server: any Channel) throws {
        let connection = ProxiedConnection(client: client, server: server, proxy: self)
        let id = ObjectIdentifier(connection)
        state.withLockedValue { $0.connections[id] = connection }
        client.closeFuture.whenComplete { _ in self.state.withLockedValue { _ = $0.connections.removeValue(forKey: id) }
        }
        try client.pipeline.syncOperations.addHandler(ProxyHandler(connection, .toServer))
        try server.pipeline.syncOperations.addHandler(ProxyHandler(connection, .toClient))
        for channel in [client, server] { _ = channel.setOption(.autoRead, value: true) }
    }
}

/// The two ends of one connection; both live on one event loop.
final class ProxiedConnection: Sendable {
    private let client: any Channel
    private let server: any Channel
    private let proxy: NetworkProxy
    private let held: NIOLockedValueBox<[NetworkProxy.Way: [ByteBuffer]]> = .init([:])

    init(client: any Channel, server: any Channel, proxy: NetworkProxy) {
        self.client = client
        self.server = server
        self.proxy = proxy
    }

    private func end(of way: NetworkProxy.Way) -> any Channel { way == .toServer ? server : client }

    /// Carries bytes on, later.
    func carry(_ bytes: ByteBuffer, _ way: NetworkProxy.Way) {
        let latency = proxy.condition.latency
        let delay = TimeAmount.nanoseconds(Int64(latency / .nanoseconds(1)))
        // Tasks of one delay run in the order in which they were made, so bytes keep theirs.
        client.eventLoop.scheduleTask(in: delay) { self.arrive(bytes, way) }
    }

    private func arrive(_ bytes: ByteBuffer, _ way: NetworkProxy.Way) {
        held.withLockedValue { $0[way, default: []].append(bytes) }
        deliver()
    }

    /// Delivers what no black hole holds any more.
    func flush() {
        client.eventLoop.execute { self.deliver() }
    }

    private func deliver() {
        let holes = proxy.condition.blackHoles
        for way in NetworkProxy.Way.allCases where !holes.contains(way) {
            let buffers = held.withLockedValue { $0.removeValue(forKey: way) ?? [] }
            for buffer in buffers { end(of: way).write(buffer, promise: nil) }
            if !buffers.isEmpty { end(of: way).flush() }
        }
    }

    /// One end has closed: the other one follows when what is under way has arrived.
    func close(_ way: NetworkProxy.Way) {
        let delay = TimeAmount.nanoseconds(Int64(proxy.condition.latency / .nanoseconds(1)))
        client.eventLoop.scheduleTask(in: delay) { self.end(of: way).close(promise: nil) }
    }

    /// Both ends see a reset.
    func reset() {
        for channel in [client, server] {
            let isReset = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            (isReset ?? channel.eventLoop.makeSucceededVoidFuture()).whenComplete { _ in channel.close(promise: nil) }
        }
    }
}

/// Hands what one end received to the connection.
private final class ProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ProxiedConnection
    private let way: NetworkProxy.Way

    init(_ connection: ProxiedConnection, _ way: NetworkProxy.Way) {
        self.connection = connection
        self.way = way
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.carry(unwrapInboundIn(data), way)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.close(way)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
