import Testing

/// Where things may lie, and who may know whom.
@Suite(.timeLimit(.minutes(5)))
struct LayoutTests {
    private let tree: SourceTree

    init() throws {
        tree = try SourceTree.repository.get()
    }

    @Test func `the top level holds only what belongs there`() throws {
        let allowed: Set = [
            "LICENSE", "Makefile", "Package.resolved", "Package.swift", "README.md", "Sources", "Tests", "docker",
            "k8s",
            "schemas",
        ]
        let offenders = try tree.names(in: "").filter { !$0.hasPrefix(".") && !allowed.contains($0) }
        #expect(offenders == [])
    }

    @Test func `names say what is inside`() {
        let empty = ["Utils", "Utilities", "Helper", "Helpers", "Common", "Shared", "Misc", "Manager"]
        let offenders = Set(tree.swift.map(\.path)).filter { path in
            path.split(separator: "/").dropFirst().contains { part in
                let name = String(part.prefix { $0 != "." })
                return empty.contains(name) || name.hasSuffix("Manager") || name.hasSuffix("Helper")
            }
        }
        #expect(offenders == [])
    }

    @Test func `a C library is imported by its owner alone`() {
        let owners: [String: Set<String>] = [
            "CPostgres": ["Postgres"], "CRabbitMQ": ["RabbitMQ"], "CCurl": ["Curl"], "CArchive": ["Archives"],
            "CAssets": ["Storage"], "CLinux": ["EventLoops", "Curl"],
        ]
        let offenders = tree.swift.flatMap { file in
            file.imports.filter { found in
                guard let owner = owners[found.module] else { return false }
                let isOwnTest = owner.contains { file.module == "\($0)Tests" }
                return !owner.contains(file.module) && !isOwnTest
            }.map { file.place($0.line, "imports \($0.module)") }
        }
        #expect(offenders == [])
    }

    @Test func `services meet only in the program`() {
        let services: Set = [
            "Scheduler", "Dispatcher", "Worker", "Pipeline", "ImportPolling", "Maintenance", "StatusAPI",
        ]
        let offenders = tree.swift.filter { services.contains($0.module) }.flatMap { file in
            file.imports.filter { services.contains($0.module) }.map { file.place($0.line, "imports \($0.module)") }
        }
        #expect(offenders == [])
    }

    @Test func `the product knows no simulator and no test server`() {
        let apart: Set = ["Simulators", "LocalServers", "TestSupport"]
        let users: Set = ["Simulators", "LocalServers", "Chaos", "rosterline-sim", "rosterline-bench"]
        let offenders = tree.swift.filter { !$0.isTest && !users.contains($0.module) }.flatMap { file in
            file.imports.filter { apart.contains($0.module) }.map { file.place($0.line, "imports \($0.module)") }
        }
        #expect(offenders == [])
    }

    @Test func `locks are those that the thread sanitizer sees`() {
        let offenders = tree.swift.flatMap { file in
            file.imports.filter { $0.module == "Synchronization" }.map { file.place($0.line) }
        }
        #expect(offenders == [])
    }

    @Test func `every migration and every file of the site is embedded in the program`() throws {
        let embedding = try tree.file("Sources/CAssets/CAssets.c").lines
        let files = try tree.paths(under: "schemas/migrations") + tree.paths(under: "Sources/StatusAPI/Web")
        #expect(!files.isEmpty)
        let offenders = files.filter { path in
            let fromThere = path.hasPrefix("Sources/") ? "../" + path.dropFirst("Sources/".count) : "../../" + path
            return !embedding.contains("#embed \"\(fromThere)\"")
                || !embedding.contains { $0.hasSuffix("\"\(path)\";") }
        }
        #expect(offenders == [])
    }

    @Test func `deployments name only settings that there are`() throws {
        let keys = try tree.file("Sources/rosterline/Setting.swift").lines.joined(separator: "\n")
            .matches(of: /Setting\(\s*"([A-Za-z.]+)",\s*\.(\w+)/)
        #expect(keys.count > 20)
        var known: Set = ["ROSTERLINE_CONFIG"]
        for key in keys {
            let name = Self.environmentName(of: key.1)
            known.insert(name)
            if key.2 == "secret" { known.insert(name + "_FILE") }
        }
        let files = try (tree.paths(under: "docker") + tree.paths(under: "k8s")).map(tree.file)
        var found = 0
        var offenders: [String] = []
        for file in files {
            for (line, text) in file.lines.enumerated() {
                for match in text.matches(of: /ROSTERLINE_[A-Z_]+/) {
                    found += 1
                    if !known.contains(String(match.0)) { offenders.append(file.place(line, String(match.0))) }
                }
            }
        }
        #expect(found > 10)
        #expect(offenders == [])
    }

    private static func environmentName(of key: Substring) -> String {
        key.reduce(into: "ROSTERLINE_") { name, character in
            if character.isUppercase { name += "_" }
            name += character == "." ? "_" : character.uppercased()
        }
    }
}
