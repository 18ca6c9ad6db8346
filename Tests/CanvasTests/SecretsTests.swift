import Foundation
import Secrets
import Testing

struct SecretsTests {
    @Test(arguments: ["env:CANVAS_TOKEN", "env:_a1", "file:/run/secrets/token"])
    func `a reference reads back as it was written`(text: String) throws {
        #expect("\(try SecretReference(parsing: text))" == text)
    }

    @Test(arguments: [
        "", "plain:hunter2", "hunter2", "env:", "env:1A", "env:A B", "file:", "file:relative", "file:/", "FILE:/a",
    ])
    func `anything else is refused, and not repeated`(text: String) {
        #expect {
            try SecretReference(parsing: text)
        } throws: { error in
            (error as? SecretError)?.code == .malformedReference && !"\(error)".contains("hunter2")
        }
    }

    @Test
    func `a secret is never shown`() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump([secret], to: &dumped)
        #expect(!"\(secret) \(String(reflecting: [secret])) \(dumped)".contains("hunter2"))
        #expect(secret.reveal == "hunter2")
    }

    @Test(arguments: [("token\n", "token"), ("token\r\n", "token"), ("token", "token"), (" to ken \n\n", " to ken \n")])
    func `a file gives its text without the last line end, anew each time`(content: String, value: String) throws {
        let path = try scratchFile()
        defer { try? FileManager.default.removeItem(at: path) }
        let reference = SecretReference.file(path.path())
        try Data(content.utf8).write(to: path)
        #expect(try SecretSource().read(reference).reveal == value)
        try Data("rotated".utf8).write(to: path)
        #expect(try SecretSource().read(reference).reveal == "rotated")
    }

    @Test
    func `a variable gives its value`() throws {
        let source = SecretSource { ["TOKEN": "value", "NONE": ""][$0] }
        #expect(try source.read(.environment("TOKEN")).reveal == "value")
        #expect(throws: SecretError.self) { try source.read(.environment("NONE")) }
        #expect(try SecretSource().read(.environment("PATH")).reveal.isEmpty == false)
    }

    @Test(
        arguments: [
            (Data(), SecretError.Code.empty), (Data([10]), .empty), (Data([0xff, 0xfe]), .notText),
            (Data(repeating: 65, count: 64 << 10 + 1), .notText), (nil, .missing),
        ] as [(Data?, SecretError.Code)])
    func `a file without a secret names itself and the remedy`(content: Data?, code: SecretError.Code) throws {
        let path = try scratchFile()
        defer { try? FileManager.default.removeItem(at: path) }
        if let content { try content.write(to: path) }
        #expect {
            try SecretSource().read(.file(path.path()))
        } throws: { error in
            guard let error = error as? SecretError else { return false }
            return error.code == code && "\(error)".contains(path.path()) && !error.remedy.isEmpty
        }
    }

    @Test
    func `a folder is unreadable, a variable may be missing`() {
        #expect(throws: SecretError.self) { try SecretSource().read(.file("/tmp")) }
        #expect {
            try SecretSource { _ in nil }.read(.environment("TOKEN"))
        } throws: { error in
            (error as? SecretError)?.code == .missing
        }
    }

    private func scratchFile() throws -> URL {
        FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
    }
}
