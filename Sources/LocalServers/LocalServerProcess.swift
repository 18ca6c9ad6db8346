import Glibc

/// A program that ends when we end, however we end.
///
/// Between us and the program stands a small shell that reads a pipe of which only we hold the other end. When that end
/// closes (``stop(within:)``, our exit, or a SIGKILL that leaves us no time for anything) the shell interrupts the
/// program, and removes the folders that were promised to vanish. `PR_SET_PDEATHSIG` was tried and dropped: it fires
/// when the *thread* that spawned the program ends, and is lost when the program changes its user.
package actor LocalServerProcess {
    /// Of the program itself, not of the shell before it; the program may have ended.
    package nonisolated let processIdentifier: Int32

    private let shellIdentifier: Int32
    private var lifeline: Int32?
    private var exitStatus: Int32?

    private let doomedFolder: String?

    private static let watchdog = """
        log=$1; doomed=$2; shift 2
        exec 2>>"$log"
        exec 3<&0
        "$@" </dev/null >>"$log" 2>&1 3<&- 4>&- &
        program=$!
        echo $program >&4
        exec 4>&-
        (
            cat <&3
            kill -INT $program
            for second in 1 2 3 4 5 6 7 8 9 10; do
                kill -0 $program || exit
                sleep 1
            done
            kill -KILL $program
        ) >/dev/null 2>&1 &
        watcher=$!
        wait $program
        status=$?
        kill $watcher
        if [ -n "$doomed" ]; then
            (cat <&3; [ -e "$doomed/kept-$program" ] || rm -rf "$doomed") >/dev/null 2>&1 &
        fi
        exit $status
        """

    /// Starts `arguments[0]`, found on the path, with stdout and stderr appended to the file `log`.
    /// - Parameter doomedFolder: removed once we have ended and the program with us; nil removes nothing.
    /// - Throws: `ServerError` with `.system` when no process can be had.
    package init(_ arguments: [String], environment: [String]? = nil, log: String, doomedFolder: String? = nil) throws {
        let (input, lifeline) = try Self.makePipe()
        let (answer, answerInput) = try Self.makePipe()
        defer {
            close(input)
            close(answer)
        }
        let command = ["/bin/sh", "-c", Self.watchdog, "watchdog", log, doomedFolder ?? ""] + arguments
        do {
            shellIdentifier = try Self.spawn(
                command, environment: environment, descriptors: [(input, 0), (answerInput, 4)])
        } catch {
            close(lifeline)
            close(answerInput)
            throw error
        }
        close(answerInput)
        self.doomedFolder = doomedFolder
        self.lifeline = lifeline
        processIdentifier = Self.readNumber(answer)
    }

    deinit {
        if let lifeline { close(lifeline) }
    }

    /// Whether the program has not ended.
    package var isRunning: Bool {
        reap()
        return exitStatus == nil
    }

    /// Interrupts the program (SIGINT) and waits for its end.
    ///
    /// Servers handle that signal; what ignores it is killed 10 s later.
    /// - Parameter keepingFolder: spares the doomed folder, for a later start.
    /// - Throws: `ServerError` with `.notStopped` after `limit`.
    package func stop(keepingFolder: Bool = false, within limit: Duration = .seconds(60)) async throws {
        if keepingFolder { spareFolder() }
        closeLifeline()
        try await waitForExit(within: limit)
    }

    /// Kills the program and those of its children that are alive now, and waits for its end.
    package func kill(keepingFolder: Bool = false, within limit: Duration = .seconds(60)) async throws {
        if keepingFolder { spareFolder() }
        if isRunning {
            for process in Self.children(of: processIdentifier) + [processIdentifier] {
                _ = Glibc.kill(process, SIGKILL)
            }
        }
        try await waitForExit(within: limit)
        closeLifeline()
    }

    private func spareFolder() {
        guard let doomedFolder else { return }
        // Named after this program: the folder may be spared now and doomed again with the next one.
        let descriptor = open(doomedFolder + "/kept-\(processIdentifier)", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
    }

    private func closeLifeline() {
        if let lifeline { close(lifeline) }
        lifeline = nil
    }

    private func waitForExit(within limit: Duration) async throws {
        let deadline = ContinuousClock.now + limit
        while isRunning {
            guard ContinuousClock.now < deadline else {
                throw ServerError(
                    .notStopped, operation: "wait for process \(processIdentifier) to end",
                    remedy: "Look at the server's log; kill the process if it hangs.")
            }
            // There is no signal to wait for: the parent of a process can only ask, unless it gives up a thread.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func reap() {
        guard exitStatus == nil else { return }
        var status: Int32 = 0
        if waitpid(shellIdentifier, &status, WNOHANG) != 0 { exitStatus = status }
    }
}

extension LocalServerProcess {
    /// Runs a program to its end, which is expected soon.
    /// - Returns: its exit status (128 + signal when it was killed), and what it wrote to stdout and stderr, up to 64
    ///   KiB.
    /// - Throws: `ServerError` with `.system` or, after `limit`, `.notStopped`.
    package static func run(
        _ arguments: [String], environment: [String]? = nil, within limit: Duration = .seconds(180)
    ) async throws -> (status: Int32, output: String) {
        let (output, outputInput) = try makePipe()
        defer { close(output) }
        let process: Int32
        do {
            process = try spawn(
                ["/usr/bin/env"] + arguments, environment: environment,
                descriptors: [(outputInput, 1), (outputInput, 2)])
        } catch {
            close(outputInput)
            throw error
        }
        close(outputInput)
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
        let deadline = ContinuousClock.now + limit
        var bytes: [UInt8] = []
        var status: Int32 = 0
        while true {
            let hasEnded = waitpid(process, &status, WNOHANG) != 0
            drain(output, into: &bytes, limit: 65_536)
            if hasEnded { break }
            guard ContinuousClock.now < deadline else {
                _ = Glibc.kill(process, SIGKILL)
                waitpid(process, nil, 0)
                throw ServerError(
                    .notStopped, operation: "run \(arguments.first ?? "")", remedy: "It took longer than \(limit).")
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return (code, String(decoding: bytes, as: UTF8.self))
    }

    private static func drain(_ descriptor: Int32, into bytes: inout [UInt8], limit: Int) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return }
            bytes += buffer[..<count].prefix(max(0, limit - bytes.count))
        }
    }

    /// Both ends close on exec, so that no other program holds a lifeline open. A pair of sockets, since pipe2(2) is
    /// not visible to Swift and pipe(2) would leave a moment in which another thread's child inherits both.
    private static func makePipe() throws -> (output: Int32, input: Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw ServerError(
                .system, operation: "open a pipe: errno \(errno)", remedy: "Raise the limit of open files.")
        }
        return (ends[0], ends[1])
    }

    private static func readNumber(_ descriptor: Int32) -> Int32 {
        var number: Int32 = 0
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) == 1, (48...57).contains(byte) {
            number = number * 10 + Int32(byte - 48)
        }
        return number
    }

    private static func children(of process: Int32) -> [Int32] {
        guard let file = fopen("/proc/\(process)/task/\(process)/children", "r") else { return [] }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
    }

    /// In a process group of its own, so that Ctrl-C at the terminal reaches us and not the server behind our back.
    private static func spawn(
        _ command: [String], environment: [String]?, descriptors: [(own: Int32, theirs: Int32)]
    ) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if !descriptors.contains(where: { $0.theirs == 0 }) {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        for (own, theirs) in descriptors { posix_spawn_file_actions_adddup2(&actions, own, theirs) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The threads of the cooperative pool block all signals; a shell that inherits that waits for SIGCHLD for ever.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))

        let arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        let variables: [UnsafeMutablePointer<CChar>?]? = environment.map { $0.map { strdup($0) } + [nil] }
        defer { for pointer in arguments + (variables ?? []) { free(pointer) } }
        var process: pid_t = 0
        let status =
            if let variables {
                posix_spawn(&process, command[0], &actions, &attributes, arguments, variables)
            } else {
                posix_spawn(&process, command[0], &actions, &attributes, arguments, environ)
            }
        guard status == 0 else {
            throw ServerError(
                .system, operation: "start \(command[0]): error \(status)", remedy: "Check that the program can be run."
            )
        }
        return process
    }
}
