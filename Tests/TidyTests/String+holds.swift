import Glibc

extension String {
    /// Whether `word` is somewhere in this text. The standard library's search takes many times as long, and each line
    /// of the repository is searched for a dozen words.
    func holds(_ word: String) -> Bool {
        withCString { text in word.withCString { strstr(text, $0) != nil } }
    }
}
