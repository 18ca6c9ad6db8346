/// A function, initialiser, subscript or computed property with a body.
struct FunctionBody {
    /// Index of the line where the declaration begins.
    let line: Int
    let lineCount: Int
}

extension SourceFile {
    /// Every body, found by its keyword and its braces.
    var functionBodies: [FunctionBody] {
        code.indices.compactMap { index in
            let line = code[index]
            guard ["func ", "init", "deinit", "subscript", "var "].contains(where: { line.holds($0) }),
                line.contains(Self.bodyKeyword), let end = endOfBody(from: index)
            else { return nil }
            return FunctionBody(line: index, lineCount: end - index + 1)
        }
    }

    /// Types and functions of `package` access without a docstring, but those that `witnesses` names: they are
    /// documented in their protocol.
    func undocumented(besides witnesses: Set<String>) -> [(line: Int, name: String)] {
        code.indices.compactMap { index in
            guard code[index].holds("package "), let match = code[index].firstMatch(of: Self.documentedKeyword),
                !witnesses.contains(String(match.1)), !isDocumented(index)
            else { return nil }
            return (index, String(match.1))
        }
    }

    /// Names of the functions that protocols of this file ask for.
    var requirements: [String] {
        code.indices.flatMap { index -> [String] in
            guard code[index].holds("protocol "), let end = endOfBody(from: index) else { return [] }
            return code[index...end].compactMap { line in
                guard line.holds("func ") else { return nil }
                return line.firstMatch(of: /\bfunc (\w+)/).map { String($0.1) }
            }
        }
    }

    // Sound: a regular expression is a constant; that it might hold a transform keeps it from being Sendable.
    nonisolated(unsafe) private static let bodyKeyword =
        /^ *(?:@\S+ )*(?:[a-z]+(?:\([a-z]+\))? )*(?:func |init[?(<]|deinit |subscript[(<]|var .*\{$)/

    // Sound for the same reason.
    nonisolated(unsafe) private static let documentedKeyword =
        /^ *(?:@\S+ )*[a-z() ]*package [a-z ]*(?:func|struct|class|actor|enum|protocol) (\w+|[=<]+)/

    private func isDocumented(_ line: Int) -> Bool {
        for above in lines[..<line].reversed() {
            let text = above.drop { $0 == " " }
            if text.hasPrefix("///") { return true }
            if !text.hasPrefix("@") { return false }
        }
        return false
    }

    /// The line with the brace that closes the body; nil for a declaration without one, as in a protocol.
    private func endOfBody(from first: Int) -> Int? {
        var round = 0
        var curly = 0
        for index in first..<code.count {
            for character in code[index] {
                switch character {
                case "(", "[": round += 1
                case ")", "]": round -= 1
                case "{" where round == 0: curly += 1
                case "}" where round == 0:
                    curly -= 1
                    if curly == 0 { return index }
                    if curly < 0 { return nil }
                default: break
                }
            }
            if round == 0, curly == 0, !goesOn(after: index) { return nil }
        }
        return nil
    }

    /// Whether the signature continues in the next line.
    private func goesOn(after line: Int) -> Bool {
        guard line + 1 < code.count else { return false }
        let next = code[line + 1].drop { $0 == " " }
        return ["{", "where", "->", "async", "throws", "("].contains { next.hasPrefix($0) }
    }
}
