import FoundationEssentials
import Glibc

/// A private PostgreSQL server on a free loopback port, for demos and tests; it knows and touches no other server.
///
/// Runs as the current user, or as `postgres` when that is root, since PostgreSQL refuses root. Ends with this process
/// at the latest.
package actor LocalPostgres {
    /// Who is let in.
    package enum Authentication: Sendable {
        /// Everybody who reaches the port is let in.
        case trust
        /// SCRAM-SHA-256 with a password made for this server.
        case password
    }

    package nonisolated let host = "127.0.0.1"
    package nonisolated let port: Int
    package nonisolated let user = "postgres"
    /// Nil under `.trust`.
    package nonisolated let password: String?
    package nonisolated let database = "postgres"
    /// Holds the data, the log and, where its path is short enough, the Unix socket.
    package nonisolated let folder: String
    package nonisolated var log: String { folder + "/server.log" }

    /// The postmaster's; nil once it has been stopped.
    package var processIdentifier: Int32? { process?.processIdentifier }

    private let programs: String
    private let settings: [String: String]
    private let isTemporary: Bool
    private var process: LocalServerProcess?

    private init(
        port: Int, password: String?, folder: String, programs: String, settings: [String: String], isTemporary: Bool
    ) {
        self.port = port
        self.password = password
        self.folder = folder
        self.programs = programs
        self.settings = settings
        self.isTemporary = isTemporary
    }

    /// Makes a cluster in the folder, unless there is one already, and starts a server on it.
    /// - Parameters:
    ///   - folder: made when missing and then owned by the server's user, who must be able to reach it; it stays after
    ///     the end. Nil makes one under the temporary folder, which vanishes with the server.
    ///   - port: nil finds a free one.
    ///   - durable: false trades safety against power loss for speed.
    ///   - authentication: of TCP and of the socket; counts when the cluster is made.
    ///   - settings: further lines of postgresql.conf.
    /// - Throws: `ServerError`; `.missingProgram` when PostgreSQL is not installed.
    package static func start(
        in folder: String? = nil, port: Int? = nil, durable: Bool = true, authentication: Authentication = .trust,
        settings: [String: String] = [:]
    ) async throws -> LocalPostgres {
        let programs = try findPrograms()
        let path = try folder ?? makeTemporaryFolder()
        try await prepare(path)
        let password = try await makeCluster(
            in: path, programs: programs, durable: durable, authentication: authentication)
        var settings = settings
        if !durable {
            for name in ["fsync", "synchronous_commit", "full_page_writes"] where settings[name] == nil {
                settings[name] = "off"
            }
        }
        // Somebody else may take the free port before the server does: then another one.
        for _ in 0..<3 {
            let server = LocalPostgres(
                port: try port ?? LocalServerPort.free(), password: password, folder: path, programs: programs,
                settings: settings, isTemporary: folder == nil)
            do {
                try await server.launch()
                return server
            } catch let error as ServerError where error.code == .notReady && port == nil {
                continue
            }
        }
        let log = logEnd(of: path)
        if folder == nil { try? FileManager.default.removeItem(atPath: path) }
        throw ServerError(.notReady, operation: "start PostgreSQL in \(path)", remedy: "Read its log.", log: log)
    }

    /// Disconnects everybody, writes everything down and ends; a temporary folder vanishes. Does nothing once stopped.
    package func stop() async throws {
        try await process?.stop()
        process = nil
    }

    /// Kills the server and all its sessions at once, as a power cut would; ``restart()`` then recovers.
    package func kill() async throws {
        try await process?.kill(keepingFolder: true)
        process = nil
    }

    /// Ends the server if it runs, and starts it again on the same port and data.
    package func restart() async throws {
        try await process?.stop(keepingFolder: true)
        process = nil
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            do {
                return try await launch()
            } catch let error as ServerError {
                // Sessions outlive a killed server until they notice, and it does not start beside them.
                guard error.log?.contains("pre-existing shared memory block") == true, .now < deadline else {
                    throw error
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }
}

extension LocalPostgres {
    /// The path of a program of the installed PostgreSQL, such as `psql`.
    package nonisolated func program(_ name: String) -> String {
        programs + "/" + name
    }

    private func launch() async throws {
        let socketFolder = folder.utf8.count < 90 ? folder : ""
        var arguments =
            Self.asServerUser + [
                programs + "/postgres", "-D", folder + "/data", "-p", "\(port)", "-h", host, "-k", socketFolder,
            ]
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) { arguments += ["-c", "\(name)=\(value)"] }
        let process = try LocalServerProcess(arguments, log: log, doomedFolder: isTemporary ? folder : nil)
        let deadline = ContinuousClock.now + .seconds(180)
        while !Self.isReady(folder + "/data/postmaster.pid", process: process.processIdentifier) {
            guard await process.isRunning, ContinuousClock.now < deadline else {
                try? await process.kill(keepingFolder: true)
                throw ServerError(
                    .notReady, operation: "start PostgreSQL on port \(port) in \(folder)",
                    remedy: "Read its log; is the port taken?", log: Self.logEnd(of: folder))
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        self.process = process
    }

    /// The server itself writes its state into the eighth line of this file; `pg_ctl` waits for the same word.
    private static func isReady(_ file: String, process: Int32) -> Bool {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return false }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count >= 8 && lines[0] == "\(process)" && lines[7].hasPrefix("ready")
    }

    private static func findPrograms() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let newest = versions.compactMap { Int($0) }.sorted(by: >)
        for version in newest where access("\(root)/\(version)/bin/initdb", X_OK) == 0 {
            return "\(root)/\(version)/bin"
        }
        throw ServerError(
            .missingProgram, operation: "find initdb in \(root)/*/bin", remedy: "Run: apt-get install postgresql")
    }

    private static func makeTemporaryFolder() throws -> String {
        var template = Array((FileManager.default.temporaryDirectory.path + "/rosterline-postgres-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ServerError(.system, operation: "make a temporary folder: errno \(errno)", remedy: "Check TMPDIR.")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What to put before a command so that it does not run as root.
    private static var asServerUser: [String] {
        // Not runuser: it may stand between us and the server, and would get the signals.
        geteuid() == 0
            ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : []
    }

    private static func prepare(_ folder: String) async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        guard geteuid() == 0 else { return }
        guard let user = getpwnam("postgres") else {
            throw ServerError(
                .missingProgram, operation: "find the user postgres", remedy: "Run: apt-get install postgresql")
        }
        guard chown(folder, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
            throw ServerError(
                .unusableFolder, operation: "give \(folder) to postgres", remedy: "Choose a local folder.")
        }
        let (status, _) = try await LocalServerProcess.run(asServerUser + ["/usr/bin/test", "-w", folder])
        guard status == 0 else {
            throw ServerError(
                .unusableFolder, operation: "reach \(folder) as user postgres",
                remedy: "Choose a folder whose parents everybody may enter (chmod o+x), such as one under /var/tmp.")
        }
    }

    /// - Returns: the password, of an earlier start where the cluster is there already.
    private static func makeCluster(
        in folder: String, programs: String, durable: Bool, authentication: Authentication
    ) async throws -> String? {
        let passwordFile = folder + "/password"
        if FileManager.default.fileExists(atPath: folder + "/data/PG_VERSION") {
            return try? String(contentsOfFile: passwordFile, encoding: .utf8)
        }
        var options = ["-D", folder + "/data", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        if !durable { options.append("--no-sync") }
        var password: String?
        switch authentication {
        case .trust:
            options.append("--auth=trust")
        case .password:
            let text = UUID().uuidString.lowercased()
            try text.write(toFile: passwordFile, atomically: false, encoding: .utf8)
            chmod(passwordFile, 0o600)
            if geteuid() == 0, let user = getpwnam("postgres") {
                chown(passwordFile, user.pointee.pw_uid, user.pointee.pw_gid)
            }
            options += ["--auth=scram-sha-256", "--pwfile=\(passwordFile)"]
            password = text
        }
        let (status, output) = try await LocalServerProcess.run(asServerUser + [programs + "/initdb"] + options)
        guard status == 0 else {
            throw ServerError(
                .preparationFailed, operation: "initdb in \(folder)", remedy: "Remove the folder and try again.",
                log: String(output.suffix(2000)))
        }
        return password
    }

    private static func logEnd(of folder: String) -> String? {
        (try? String(contentsOfFile: folder + "/server.log", encoding: .utf8)).map { String($0.suffix(2000)) }
    }
}
