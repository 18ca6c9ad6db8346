/// Keeps secrets and people out of the log when a key gives them away. A second net: the first is not to log them.
package enum Redaction {
    /// What stands in place of a value.
    package static let placeholder = "[redacted]"

    private static let secretWords: Set<String> = [
        "password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "apikey", "credential",
        "credentials", "signature", "bearer",
    ]
    private static let personalWords: Set<String> = [
        "email", "givenname", "familyname", "fullname", "username", "birthdate", "phone", "loginid",
    ]
    /// Words that end in something secret-like but count or name something; `token` alone is a secret, these are not.
    private static let harmless: Set<String> = ["fencing_token", "fencing.token", "token_count", "job.attempt"]

    /// True if a value under this key must not be written: one of its words, split at anything but letters and at a
    /// change of case, names a secret or something personal.
    package static func hides(key: String) -> Bool {
        let lowercase = key.lowercased()
        if harmless.contains(lowercase) { return false }
        let words = self.words(of: key)
        if words.contains(where: { secretWords.contains($0) || personalWords.contains($0) }) { return true }
        return zip(words, words.dropFirst()).contains { first, second in
            secretWords.contains(first + second) || personalWords.contains(first + second)
        }
    }

    private static func words(of key: String) -> [String] {
        var words: [String] = []
        var word = ""
        var previousWasLowercase = false
        for character in key {
            let startsWord = character.isUppercase && previousWasLowercase
            if !character.isLetter || startsWord {
                if !word.isEmpty { words.append(word) }
                word = ""
            }
            if character.isLetter { word += character.lowercased() }
            previousWasLowercase = character.isLowercase
        }
        if !word.isEmpty { words.append(word) }
        return words
    }
}
