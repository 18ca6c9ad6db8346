import Foundation
import Testing

@testable import rosterline

@Suite struct SettingsTests {
    /// A YAML file of the test's own.
    private func withFile(_ text: String, _ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.path + "/settings-\(UUID().uuidString).yaml"
        try Data(text.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    /// The words of the error that loading must end with.
    private func refusal(_ environment: [String: String], file: String? = nil) async throws -> String {
        do {
            _ = try await Settings(environment: environment, file: file)
        } catch let error as ConfigurationError {
            return error.description
        }
        Issue.record("the settings were accepted")
        return ""
    }

    /// A value that the key takes, other than its default.
    private static func sample(_ setting: Setting) -> String {
        switch setting.form {
        case .text, .secret: "some text"
        case .whole(let range): "\(range.lowerBound)"
        case .seconds(let range): "\(range.upperBound)"
        case .choice(let words): words.last ?? ""
        }
    }

    @Test(arguments: Setting.all.map(\.key))
    func `a default is a value that the key takes`(key: String) async throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        let settings = try await Settings(environment: [:])
        #expect(settings.optional(key) == setting.fallback)
        if let fallback = setting.fallback { #expect(setting.form.accepts(fallback)) }
        #expect(setting.help.hasSuffix("."))
    }

    @Test(arguments: Setting.all.map(\.key))
    func `a key is read from the environment`(key: String) async throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        let settings = try await Settings(environment: [setting.environmentName: Self.sample(setting)])
        #expect(try settings.required(key) == Self.sample(setting))
    }

    @Test(arguments: Setting.all.map(\.key))
    func `a key is read from the YAML file, quoted or not, and the environment goes first`(key: String) async throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        let parts = key.split(separator: ".")
        for quote in ["", "\""] {
            try await withFile("\(parts[0]):\n  \(parts[1]): \(quote)\(Self.sample(setting))\(quote)\n") { file in
                let settings = try await Settings(environment: [:], file: file)
                let value = try settings.required(key)
                if case .seconds = setting.form {
                    #expect(Double(value) == Double(Self.sample(setting)))
                } else {
                    #expect(value == Self.sample(setting))
                }
                #expect(try await Settings(environment: ["ROSTERLINE_CONFIG": file]).required(key) == value)
                if let fallback = setting.fallback {
                    let both = try await Settings(environment: [setting.environmentName: fallback], file: file)
                    #expect(try both.required(key) == fallback)
                }
            }
        }
    }

    @Test(arguments: Setting.all.map(\.key))
    func `a key that is documented is used by the program`(key: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/rosterline")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "swift" && $0.lastPathComponent != "Setting.swift" }
        #expect(!files.isEmpty)
        let isUsed = try files.contains { try String(contentsOf: $0, encoding: .utf8).contains("\"\(key)\"") }
        #expect(isUsed)
    }

    @Test(arguments: [
        ("ROSTERLINE_WORKER_SLOT", "ROSTERLINE_WORKER_SLOTS"), ("ROSTERLINE_POSTGRESS_URL", "ROSTERLINE_POSTGRES_URL"),
        ("ROSTERLINE_RABBITMQ_URL_FIEL", "ROSTERLINE_RABBITMQ_URL_FILE"),
    ])
    func `an unknown variable is named with the nearest right one`(name: String, nearest: String) async throws {
        let text = try await refusal([name: "secret value"])
        #expect(text.contains("'\(name)'"))
        #expect(text.contains("did you mean '\(nearest)'?"))
        #expect(!text.contains("secret value"))
    }

    @Test func `variables of others do not matter`() async throws {
        let settings = try await Settings(environment: ["PATH": "/bin", "WORKER_SLOTS": "x", "ROSTERLINES": "x"])
        #expect(try settings.whole("worker.slots") == 4)
    }

    @Test(arguments: [
        ("worker:\n  slot: 3\n", "worker.slot", "worker.slots"),
        ("wurker:\n  slots: 3\n", "wurker.slots", "worker.slots"),
        ("slots: 3\n", "slots", "worker.slots"), ("worker:\n  slotsFile: /x\n", "worker.slotsFile", "worker.slots"),
    ])
    func `an unknown key of the file is named with the nearest right one`(
        yaml: String, key: String, nearest: String
    ) async throws {
        try await withFile(yaml) { file in
            let text = try await refusal([:], file: file)
            #expect(text.contains("'\(key)'"))
            #expect(text.contains("did you mean '\(nearest)'?"))
        }
    }

    @Test(arguments: [
        ("ROSTERLINE_WORKER_SLOTS", "0"), ("ROSTERLINE_WORKER_SLOTS", "4.5"), ("ROSTERLINE_WORKER_SLOTS", "many"),
        ("ROSTERLINE_WORKER_LEASE_SECONDS", "0.1"), ("ROSTERLINE_WORKER_LEASE_SECONDS", "nan"),
        ("ROSTERLINE_LOG_FORMAT", "xml"), ("ROSTERLINE_STATUS_PORT", "65536"), ("ROSTERLINE_STATUS_PORT", ""),
    ])
    func `a malformed value is named with its variable and what it must be`(name: String, value: String) async throws {
        let text = try await refusal([name: value])
        let setting = try #require(Setting.all.first { $0.environmentName == name })
        #expect(text == "\(name) is '\(value)', but it must be \(setting.form.words).")
    }

    @Test(arguments: [
        "worker:\n  slots: many\n", "worker:\n  slots: 0\n", "worker:\n  slots: [1, 2]\n", "worker:\n  slots: true\n",
    ])
    func `a malformed value of the file is named with its key`(yaml: String) async throws {
        try await withFile(yaml) { file in
            let text = try await refusal([:], file: file)
            #expect(text.contains("worker.slots"))
        }
    }

    @Test(arguments: ["- a\n- b\n", "worker: [\n", "just text\n"])
    func `a file that is no table of keys is refused by name`(yaml: String) async throws {
        try await withFile(yaml) { file in
            let text = try await refusal([:], file: file)
            #expect(text.contains(file))
        }
    }

    @Test func `a file that is not there is refused by name`() async throws {
        #expect(try await refusal([:], file: "/nowhere/rosterline.yaml").contains("/nowhere/rosterline.yaml"))
    }

    @Test func `a secret may come from a file, whose last line break does not count`() async throws {
        try await withFile("postgres://u:p@h/d\n") { secret in
            let settings = try await Settings(environment: ["ROSTERLINE_POSTGRES_URL_FILE": secret])
            #expect(try settings.required("postgres.url") == "postgres://u:p@h/d")
            try await withFile("postgres:\n  urlFile: \(secret)\n") { file in
                let settings = try await Settings(environment: [:], file: file)
                #expect(try settings.required("postgres.url") == "postgres://u:p@h/d")
            }
        }
    }

    @Test func `a secret's file that is not there is named with its key`() async throws {
        let text = try await refusal(["ROSTERLINE_STATUS_TOKEN_FILE": "/nowhere/token"])
        #expect(text.contains("ROSTERLINE_STATUS_TOKEN_FILE"))
        #expect(text.contains("/nowhere/token"))
    }

    @Test func `an empty secret is refused without a word of it`() async throws {
        #expect(try await refusal(["ROSTERLINE_STATUS_TOKEN": ""]).contains("ROSTERLINE_STATUS_TOKEN is '***'"))
    }

    @Test func `a key without a default says what it is for when it is missing`() async throws {
        let settings = try await Settings(environment: [:])
        let error = #expect(throws: ConfigurationError.self) { try settings.required("postgres.url") }
        let help = try #require(Setting.all.first { $0.key == "postgres.url" }).help
        for word in ["ROSTERLINE_POSTGRES_URL", "postgres.url", help] {
            #expect(error?.description.contains(word) == true)
        }
    }

    @Test func `the names of variables follow from the keys, and none is taken twice`() {
        #expect(Setting.environmentName(of: "worker.leaseSeconds") == "ROSTERLINE_WORKER_LEASE_SECONDS")
        #expect(Set(Setting.all.map(\.environmentName)).count == Setting.all.count)
    }

    @Test func `durations and whole numbers come as such`() async throws {
        let settings = try await Settings(environment: ["ROSTERLINE_WORKER_LEASE_SECONDS": "1.5"])
        #expect(try settings.duration("worker.leaseSeconds") == .milliseconds(1500))
        #expect(try settings.whole("worker.prefetch") == 16)
    }
}
