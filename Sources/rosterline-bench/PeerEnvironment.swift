internal import CJobBench
internal import Foundation
internal import LocalServers

/// A Python virtual environment with the peers in it, and their programs; made once and kept.
struct PeerEnvironment: Sendable {
    let folder: String

    /// What is installed, so that two runs compare the same things.
    static let requirements = [
        "celery==5.7.0", "dramatiq[rabbitmq]==2.2.1", "procrastinate==3.10.0", "pika==1.4.4", "psycopg[binary]==3.3.9",
        "psycopg2-binary==2.9.13", "sqlalchemy==2.1.9",
    ]

    var python: String { folder + "/venv/bin/python" }
    /// Where its programs are.
    var programs: String { folder + "/venv/bin" }

    /// Makes it in the folder, unless it is there with these versions.
    /// - Throws: `ServerError` or `BenchError` with what pip said.
    static func prepare(in folder: String) async throws -> PeerEnvironment {
        let environment = PeerEnvironment(folder: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try environment.writePrograms()
        let stamp = folder + "/installed"
        let wanted = requirements.joined(separator: "\n")
        if (try? String(contentsOfFile: stamp, encoding: .utf8)) == wanted { return environment }
        print("Making a virtual environment for the peers in \(folder) …")
        try await run(["python3", "-m", "venv", "--clear", folder + "/venv"])
        try await run([environment.python, "-m", "pip", "install", "--quiet"] + requirements)
        try wanted.write(toFile: stamp, atomically: true, encoding: .utf8)
        return environment
    }

    private static func run(_ command: [String]) async throws {
        let (status, output) = try await LocalServerProcess.run(command, within: .seconds(900))
        guard status == 0 else { throw BenchError("\(command.joined(separator: " ")) failed: \(output.suffix(2000))") }
    }

    private func writePrograms() throws {
        guard var program = unsafe peer_programs() else { return }
        while let name = unsafe program.pointee.name {
            let bytes = unsafe Data(bytes: program.pointee.bytes, count: program.pointee.length)
            try bytes.write(to: URL(fileURLWithPath: folder + "/" + (unsafe String(cString: name))))
            unsafe program += 1
        }
    }
}
