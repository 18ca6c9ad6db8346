import Foundation
import Testing

/// What the documents say of the tests.
@Suite(.timeLimit(.minutes(5)))
struct DocumentationTests {
    private let tree: SourceTree

    init() throws {
        tree = try SourceTree.repository.get()
    }

    /// A document names a file of tests or a target, and after it, in quotes, single tests; an ellipsis stands for what
    /// is left out.
    @Test func `every test that a document names is there`() throws {
        let tests = tree.swift.filter(\.isTest)
        let places = Set(tests.flatMap { [$0.module, String($0.path.split(separator: "/").last?.dropLast(6) ?? "")] })
        let sentences = tests.flatMap(\.lines).compactMap { $0.firstMatch(of: /func `([^`]+)`/).map { String($0.1) } }
        let documents = try tree.paths(under: "Sources/rosterline/Documentation.docc").filter { $0.hasSuffix(".md") }
        var found = 0
        var offenders: [String] = []
        for path in documents {
            let text = try tree.file(path).lines.joined(separator: " ")
            for match in text.matches(of: /`([A-Za-z\/]*Tests)`(?::| \(|) ?((?:"[^"]+"(?:, | and )?)*)/) {
                found += 1
                let place = String(match.1.split(separator: "/").last ?? "")
                if !places.contains(place) { offenders.append("\(path): \(match.1)") }
                for name in match.2.matches(of: /"([^"]+)"/).map({ String($0.1) }) {
                    let parts = name.split(separator: "…").map { $0.trimmingCharacters(in: .whitespaces) }
                    let isThere = sentences.contains { sentence in parts.allSatisfy { sentence.holds($0) } }
                    if !isThere { offenders.append("\(path): \(match.1) \"\(name)\"") }
                }
            }
        }
        #expect(found > 50)
        #expect(offenders == [])
    }
}
