import FoundationEssentials
import Glibc

/// A private RabbitMQ node on free loopback ports, for demos and tests; it knows and touches no other node.
///
/// Runs as the current user, root included: the script below `/usr/lib/rabbitmq` is called, since the one on the path
/// insists on a user of its own. Node name, ports, data, log, home and with it the Erlang cookie are its own. Ends
/// with this process at the latest: the process that watches over it interrupts the server's script, which stops the
/// node in order. The port mapper `epmd`, which the first Erlang node of a machine starts, is shared by all of them
/// and stays.
package actor LocalRabbitMQ {
    /// The only address that it listens on.
    package nonisolated let host = "127.0.0.1"
    /// Of AMQP without TLS.
    package nonisolated let port: Int
    /// Nil without TLS.
    package nonisolated let tlsPort: Int?
    /// Nil without TLS.
    package nonisolated let certificates: LocalRabbitMQCertificates?
    /// Nil without the management plugin.
    package nonisolated let managementPort: Int?
    /// An administrator with all permissions.
    package nonisolated let user = "rosterline"
    /// Made for this node.
    package nonisolated let password: String
    /// The only one.
    package nonisolated let virtualHost = "/"
    /// Holds data, log, configuration and home.
    package nonisolated let folder: String
    /// As `rabbitmqctl -n` wants it.
    package nonisolated let nodeName: String
    /// The node's log of its present run.
    package nonisolated var log: String { folder + "/log/rabbit.log" }
    /// As clients want it, password included.
    package nonisolated var url: String { "amqp://\(user):\(password)@\(host):\(port)" }

    private static let programs = "/usr/lib/rabbitmq/bin"
    private static let readyLine = "Server startup complete"

    private let distributionPort: Int
    private let isTemporary: Bool
    private let membership: Membership?
    private let definitions: String?
    private var process: LocalServerProcess?

    private init(
        folder: String, password: String, isTemporary: Bool, port: Int?, certificates: LocalRabbitMQCertificates?,
        usesManagement: Bool, membership: Membership?, definitions: String?, freePort: @Sendable () throws -> Int
    ) throws {
        self.membership = membership
        self.definitions = definitions
        self.folder = folder
        self.password = password
        self.isTemporary = isTemporary
        self.port = try port ?? freePort()
        self.certificates = certificates
        tlsPort = certificates != nil ? try freePort() : nil
        managementPort = usesManagement ? try freePort() : nil
        distributionPort = try freePort()
        nodeName = Self.nodeName(port: self.port)
    }

    /// Starts a node in the folder and waits until it serves; about 5 to 10 s.
    /// - Parameters:
    ///   - folder: made when missing; it stays after the end. Nil makes one under the temporary folder, which vanishes
    ///     with the node. A folder that held a node before must be given the same port, as the node's name comes from
    ///     it.
    ///   - port: nil finds a free one.
    ///   - tls: opens a port for TLS as well, with certificates made for it.
    ///   - management: starts the management plugin and its HTTP API, which takes some seconds and 50 MiB more.
    ///   - definitions: a file, or a folder of files, that the node loads at each start. A new node then makes neither
    ///     ``user`` nor ``virtualHost``: what is needed must be in there. The password is the text of the file
    ///     `password` in `folder`.
    /// - Throws: `ServerError`; `.missingProgram` when RabbitMQ is not installed.
    package static func start(
        in folder: String? = nil, port: Int? = nil, tls: Bool = false, management: Bool = false,
        definitions: String? = nil
    ) async throws -> LocalRabbitMQ {
        try await start(
            in: folder, port: port, tls: tls, management: management, membership: nil, definitions: definitions)
    }

    static func start(
        in folder: String?, port: Int?, tls: Bool, management: Bool, membership: Membership?,
        definitions: String? = nil, freePort: @Sendable () throws -> Int = LocalServerPort.free
    ) async throws -> LocalRabbitMQ {
        guard access(programs + "/rabbitmq-server", X_OK) == 0 else {
            throw ServerError(
                .missingProgram, operation: "find \(programs)/rabbitmq-server",
                remedy: "Run: apt-get install rabbitmq-server")
        }
        let path = try folder ?? makeTemporaryFolder()
        for name in ["", "/data", "/log", "/home"] {
            try FileManager.default.createDirectory(atPath: path + name, withIntermediateDirectories: true)
        }
        try membership?.prepare(path)
        let password = try rememberedPassword(in: path)
        let certificates = tls ? try await LocalRabbitMQCertificates.make(in: path + "/tls") : nil
        // Somebody else may take a free port before the node does: then other ones.
        var attempts = 3
        while true {
            attempts -= 1
            let server = try LocalRabbitMQ(
                folder: path, password: password, isTemporary: folder == nil, port: port,
                certificates: certificates, usesManagement: management, membership: membership,
                definitions: definitions, freePort: freePort)
            do {
                try await server.configure()
                try await server.launch()
                return server
            } catch let error as ServerError {
                if error.code == .notReady, port == nil, attempts > 0 { continue }
                if folder == nil { try? FileManager.default.removeItem(atPath: path) }
                throw error
            }
        }
    }

    /// Of the script before the node; nil once stopped.
    package var processIdentifier: Int32? { process?.processIdentifier }

    /// Of the node itself; nil while it does not run. For tests that freeze it.
    package var nodeProcessIdentifier: Int32? {
        let name = nodeName.prefix { $0 != "@" }
        let file = "\(folder)/data/\(name)@localhost.pid"
        return (try? String(contentsOfFile: file, encoding: .utf8)).flatMap { Int32($0.filter(\.isNumber)) }
    }

    /// Stops the node in order; a temporary folder vanishes. Does nothing once stopped.
    package func stop() async throws {
        try await process?.stop()
        process = nil
        // After kill() nobody else does.
        if isTemporary { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// Kills the node at once (SIGKILL), as a power cut would; ``restart()`` then recovers.
    package func kill() async throws {
        try await process?.kill(keepingFolder: true)
        process = nil
    }

    /// Stops the node if it runs, and starts it again on the same ports and data.
    package func restart() async throws {
        try await process?.stop(keepingFolder: true)
        process = nil
        try await launch()
    }

    /// Raises the memory alarm, which stops all publishers, or clears it; takes a second or two.
    package func setMemoryAlarm(on: Bool) async throws {
        try await ctl(["set_vm_memory_high_watermark", on ? "0" : "0.4"])
    }

    /// Runs `rabbitmqctl` against this node; takes a second or two, since it is an Erlang node of its own.
    /// - Returns: what it wrote.
    /// - Throws: `ServerError` with `.preparationFailed` when it ends with an error.
    @discardableResult
    package nonisolated func ctl(_ arguments: [String]) async throws -> String {
        let command = [Self.programs + "/rabbitmqctl", "-q", "-n", nodeName] + arguments
        let (status, output) = try await LocalServerProcess.run(command, environment: environment)
        guard status == 0 else {
            throw ServerError(
                .preparationFailed, operation: "rabbitmqctl \(arguments.first ?? "")", remedy: "Read its output.",
                log: String(output.suffix(2000)))
        }
        return output
    }
}

extension LocalRabbitMQ {
    private nonisolated var environment: [String] {
        [
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=\(folder)/home",
            "RABBITMQ_NODENAME=\(nodeName)", "RABBITMQ_MNESIA_BASE=\(folder)/data", "RABBITMQ_LOG_BASE=\(folder)/log",
            "RABBITMQ_LOGS=\(log)", "RABBITMQ_CONFIG_FILE=\(folder)/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE=\(folder)/enabled_plugins", "RABBITMQ_DIST_PORT=\(distributionPort)",
            "RABBITMQ_CONF_ENV_FILE=/dev/null",
            // Otherwise where this process was started.
            "ERL_CRASH_DUMP=\(folder)/log/erl_crash.dump",
            // Erlang's schedulers spin while idle unless told not to; on a small machine that starves everybody else.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+sbwt none +sbwtdcpu none +sbwtdio none",
        ]
    }

    private func configure() throws {
        var lines = [
            "listeners.tcp.1 = \(host):\(port)",
            "default_user = \(user)", "default_pass = \(password)", "default_vhost = \(virtualHost)",
            "default_permissions.configure = .*", "default_permissions.read = .*", "default_permissions.write = .*",
            "default_user_tags.administrator = true", "loopback_users = none",
            "vm_memory_high_watermark.relative = 0.4", "disk_free_limit.absolute = 50MB",
            "log.file.level = info", "log.console = false",
        ]
        if let certificates, let tlsPort {
            lines += [
                "listeners.ssl.1 = \(host):\(tlsPort)",
                "ssl_options.cacertfile = \(certificates.authorityFile)",
                "ssl_options.certfile = \(certificates.certificateFile)",
                "ssl_options.keyfile = \(certificates.keyFile)",
                "ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = false",
            ]
        }
        if let managementPort {
            lines += ["management.tcp.port = \(managementPort)", "management.tcp.ip = \(host)"]
        }
        lines += membership?.configuration ?? []
        if let definitions { lines.append("load_definitions = \(definitions)") }
        let text = lines.joined(separator: "\n") + "\n"
        try text.write(toFile: folder + "/rabbitmq.conf", atomically: false, encoding: .utf8)
        chmod(folder + "/rabbitmq.conf", 0o600)
        let plugins = managementPort == nil ? "[].\n" : "[rabbitmq_management].\n"
        try plugins.write(toFile: folder + "/enabled_plugins", atomically: false, encoding: .utf8)
    }

    private func launch() async throws {
        // The log of an earlier run must not announce this one.
        try? FileManager.default.removeItem(atPath: log)
        // A shell's background job ignores SIGINT, and a shell script can then not trap it: hence the default is put
        // back.
        let process = try LocalServerProcess(
            ["/usr/bin/env", "--default-signal=INT", Self.programs + "/rabbitmq-server"], environment: environment,
            log: folder + "/log/output.log", doomedFolder: isTemporary ? folder : nil)
        let deadline = ContinuousClock.now + .seconds(240)
        while !isReady {
            guard await process.isRunning, ContinuousClock.now < deadline else {
                // The next attempt is made in it.
                try? await process.kill(keepingFolder: true)
                throw ServerError(
                    .notReady, operation: "start RabbitMQ on port \(port) in \(folder)",
                    remedy: "Read its log; is a port taken?", log: logEnd)
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        self.process = process
    }

    private var isReady: Bool {
        (try? String(contentsOfFile: log, encoding: .utf8))?.contains(Self.readyLine) ?? false
    }

    private var logEnd: String? {
        let texts = [log, folder + "/log/output.log"].compactMap { try? String(contentsOfFile: $0, encoding: .utf8) }
        return texts.isEmpty ? nil : texts.map { String($0.suffix(2000)) }.joined(separator: "\n")
    }

    private static func makeTemporaryFolder() throws -> String {
        var template = Array((FileManager.default.temporaryDirectory.path + "/rosterline-rabbitmq-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ServerError(.system, operation: "make a temporary folder: errno \(errno)", remedy: "Check TMPDIR.")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The node takes the password of its first start only.
    private static func rememberedPassword(in folder: String) throws -> String {
        let file = folder + "/password"
        if let text = try? String(contentsOfFile: file, encoding: .utf8), !text.isEmpty { return text }
        let text = UUID().uuidString.lowercased()
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        chmod(file, 0o600)
        return text
    }
}
