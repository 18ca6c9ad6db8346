import Foundation
import HTTPTypes
import LocalServers
import Simulators
import Testing

/// A client that nobody here wrote: `canvasapi`, the public Python library for Canvas.
@Suite(.timeLimit(.minutes(5)))
struct PublicClientTests {
    /// Creates an import from a zip, waits for its end, and prints what the library made of the answers.
    private static let script = """
        import json, sys, time
        from canvasapi import Canvas
        from canvasapi.exceptions import InvalidAccessToken
        url, path = sys.argv[1], sys.argv[2]
        account = Canvas(url, "simulator-token").get_account(1)
        made = account.create_sis_import(path)
        deadline = time.time() + 30
        while True:
            found = account.get_sis_import(made.id)
            pending = found.workflow_state in ("initializing", "created", "importing")
            if not pending and hasattr(found, "errors_attachment"):
                break
            assert time.time() < deadline, found.workflow_state
            time.sleep(0.05)
        for _ in range(12):
            account.create_sis_import(path)
        try:
            Canvas(url, "wrong").get_account(1)
            refused = False
        except InvalidAccessToken:
            refused = True
        print(json.dumps({
            "first": made.workflow_state,
            "last": found.workflow_state,
            "created": found.created_at_date.isoformat(),
            "counts": found.data["counts"]["users"],
            "statistics": found.data["statistics"]["Pseudonym"]["created"],
            "warnings": found.processing_warnings,
            "files": [file["display_name"] for file in found.csv_attachments],
            "listed": [item.id for item in account.get_sis_imports()],
            "aborted": account.abort_sis_imports_pending(),
            "refused": refused,
        }))
        """

    @Test func `the public Python client creates an import, polls it, and reads its errors`() async throws {
        let python = try await PublicClient.python()
        let folder = try TestFolder()
        let zip = try folder.zip(
            "roster.zip", ["users.csv": "user_id,login_id,full_name,status\nu1,l1,José,active\nu2,l1,Two,active\n"])
        let script = try folder.write("client.py", Self.script)
        try await withCanvas { _, client in
            let (status, output) = try await LocalServerProcess.run(
                [python, "-W", "ignore", script, client.baseURL, zip], within: .seconds(60))
            #expect(status == 0, "\(output)")
            let line = output.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
            let answer = SimulatorClient.Answer(status: 200, headers: [:], bytes: Array(line.utf8))
            #expect(try answer.value("first") == "created")
            #expect(try answer.value("last") == "imported_with_messages")
            #expect(try answer.value("counts") == 1)
            #expect(try answer.value("statistics") == 1)
            #expect(try answer.value("warnings.0.0") == "users.csv")
            #expect(try answer.value("files") == ["users.csv"])
            #expect(try answer.value("listed") == Array((1...13).reversed()))
            #expect(try answer.value("aborted") == true)
            #expect(try answer.value("refused") == true)
        }
    }
}

/// The Python environment with `canvasapi` in it, kept in the build folder between runs.
enum PublicClient {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// The interpreter of the environment; made with the first call.
    static func python() async throws -> String {
        let build = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build")
        let folder = build.appending(path: "canvasapi-venv").path()
        let python = "\(folder)/bin/python"
        let (known, _) = (try? await LocalServerProcess.run([python, "-c", "import canvasapi"])) ?? (1, "")
        if known == 0 { return python }
        let (made, venvOutput) = try await LocalServerProcess.run(
            ["python3", "-m", "venv", folder], within: .seconds(60))
        guard made == 0 else {
            throw Missing(description: "No Python environment. Install python3-venv. \(venvOutput)")
        }
        let (installed, pipOutput) = try await LocalServerProcess.run(
            [python, "-m", "pip", "install", "--quiet", "canvasapi==3.3.0"], within: .seconds(180))
        guard installed == 0 else {
            throw Missing(description: "canvasapi could not be installed from PyPI. Check the network. \(pipOutput)")
        }
        return python
    }
}
