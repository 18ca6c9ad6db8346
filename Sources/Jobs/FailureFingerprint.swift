/// What failures of one cause have in common: their message without what differs from case to case.
///
/// Names in quotes, numbers, ids, addresses, paths and hosts each become one word, so that a thousand failures of a night
/// are one line on a page. The pattern is readable: it is the group's title.
///
/// Stored patterns are compared with new ones, so a change here begins new groups; the old ones keep what they have.
package enum FailureFingerprint {
    /// Characters that a pattern has at most.
    package static let longest = 200

    /// The pattern of a message; empty for none.
    ///
    /// One pass over at most 2 000 characters: what a message adds after them is not its cause.
    package static func pattern(of message: String) -> String {
        let unquoted = withoutQuotes(Array(message.prefix(2000)))
        var words: [String] = []
        for word in unquoted.split(whereSeparator: \.isWhitespace) {
            let plain = self.plain(word)
            // `12, 13 and 14` and `12 and 13` are the same story.
            if plain != words.last || !plain.hasPrefix("‹") { words.append(plain) }
        }
        return String(words.joined(separator: " ").prefix(longest))
    }

    private static let quotes: [Character: Character] = ["'": "'", "\"": "\"", "“": "”", "‘": "’", "«": "»", "`": "`"]

    /// Replaces what stands in quotes. An apostrophe is no quote: it stands inside a word.
    private static func withoutQuotes(_ text: [Character]) -> String {
        var result = ""
        var index = 0
        while index < text.count {
            if let closing = quotes[text[index]], index == 0 || !text[index - 1].isLetter && !text[index - 1].isNumber,
                let end = end(of: closing, in: text, after: index)
            {
                result += "‹name›"
                index = end + 1
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    private static func end(of closing: Character, in text: [Character], after start: Int) -> Int? {
        text.indices.first { index in
            index > start + 1 && text[index] == closing
                && (index + 1 == text.count || !text[index + 1].isLetter && !text[index + 1].isNumber)
        }
    }

    private static let opening: Set<Character> = ["(", "[", "{", "<"]
    private static let closing: Set<Character> = [")", "]", "}", ">", ".", ",", ";", ":", "!", "?"]

    /// A word without what differs, in the punctuation it stood in.
    private static func plain(_ word: Substring) -> String {
        var core = word
        var before = ""
        var after = ""
        while let first = core.first, opening.contains(first) { before.append(core.removeFirst()) }
        while let last = core.last, closing.contains(last) { after = String(core.removeLast()) + after }
        return before + kind(of: core) + after
    }

    private static func kind(of word: Substring) -> String {
        if word.isEmpty || word.hasPrefix("‹") { return String(word) }
        if word.contains("://") { return "‹address›" }
        if word.contains("@") { return "‹name›" }
        if word.contains("/") { return "‹path›" }
        if isID(word) { return "‹id›" }
        let hasDigit = word.contains(where: \.isNumber)
        if hasDigit, word.allSatisfy({ $0.isNumber || "+-−.,:%TZ#".contains($0) }) { return "‹n›" }
        if isDotted(word) { return "‹name›" }
        return hasDigit ? withoutDigits(word) : String(word)
    }

    /// UUIDs, hashes and the like: 8 or more hexadecimal digits with a number among them.
    private static func isID(_ word: Substring) -> Bool {
        let digits = word.filter { $0 != "-" }
        return digits.count >= 8 && digits.allSatisfy(\.isHexDigit) && digits.contains(where: \.isNumber)
            && digits.contains(where: \.isLetter)
    }

    /// Host and file names: `db-1.school.org`, `users.csv`.
    private static func isDotted(_ word: Substring) -> Bool {
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count > 1 && parts.allSatisfy { $0.contains { $0.isLetter || $0.isNumber } }
            && word.allSatisfy { $0.isLetter || $0.isNumber || ".-_:".contains($0) }
    }

    /// `batch12` and `batch7` are both `batch‹n›`.
    private static func withoutDigits(_ word: Substring) -> String {
        var result = ""
        var isInNumber = false
        for character in word {
            if !character.isNumber {
                result.append(character)
            } else if !isInNumber {
                result += "‹n›"
            }
            isInNumber = character.isNumber
        }
        return result
    }
}
