/// Swift source with comments, the insides of strings and raw identifiers blanked out, line for line, so that a brace
/// or a word that is found in it is code.
///
/// A scanner of bytes and no parser: regular-expression literals are taken for code.
struct SourceMask {
    private let source: [UInt8]
    private var masked: [UInt8] = []
    private var position = 0

    /// The lines of `text`, each with as many bytes as before.
    static func lines(of text: String) -> [String] {
        var mask = SourceMask(source: Array(text.utf8))
        mask.scanCode(isInterpolation: false)
        return mask.masked.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    private init(source: [UInt8]) {
        self.source = source
        masked.reserveCapacity(source.count)
    }

    /// Up to the end, or up to the parenthesis that closes an interpolation.
    private mutating func scanCode(isInterpolation: Bool) {
        var depth = 0
        while position < source.count {
            switch source[position] {
            case UInt8(ascii: "/") where isHere("//"): blankLine(until: UInt8(ascii: "\n"))
            case UInt8(ascii: "/") where isHere("/*"): scanBlockComment()
            case UInt8(ascii: "`"):
                keep(1)
                blankLine(until: UInt8(ascii: "`"))
                keep(1)
            case UInt8(ascii: "\""), UInt8(ascii: "#"):
                if let hashes = openingHashes() { scanString(hashes: hashes) } else { keep(1) }
            case UInt8(ascii: "("):
                depth += 1
                keep(1)
            case UInt8(ascii: ")"):
                depth -= 1
                keep(1)
                if isInterpolation, depth < 0 { return }
            default: keep(1)
            }
        }
    }

    private mutating func scanBlockComment() {
        var depth = 0
        repeat {
            if isHere("/*") {
                depth += 1
                blank(2)
            } else if isHere("*/") {
                depth -= 1
                blank(2)
            } else {
                blank(1)
            }
        } while depth > 0 && position < source.count
    }

    /// How many `#` stand before the quotation mark here; nil where no string begins.
    private func openingHashes() -> Int? {
        var index = position
        while index < source.count, source[index] == UInt8(ascii: "#") { index += 1 }
        return index < source.count && source[index] == UInt8(ascii: "\"") ? index - position : nil
    }

    private mutating func scanString(hashes: Int) {
        let fence = String(repeating: "#", count: hashes)
        keep(hashes)
        let quotes = isHere("\"\"\"") ? "\"\"\"" : "\""
        keep(quotes.utf8.count)
        let (end, interpolation, escape) = (quotes + fence, "\\" + fence + "(", "\\" + fence)
        while position < source.count {
            if isHere(end) {
                return keep(end.utf8.count)
            } else if isHere(interpolation) {
                keep(interpolation.utf8.count)
                scanCode(isInterpolation: true)
            } else if isHere(escape) {
                blank(escape.utf8.count + 1)
            } else {
                blank(1)
            }
        }
    }

    private func isHere(_ text: String) -> Bool {
        var index = position
        for byte in text.utf8 {
            guard index < source.count, source[index] == byte else { return false }
            index += 1
        }
        return true
    }

    private mutating func keep(_ count: Int) {
        for _ in 0..<count where position < source.count {
            masked.append(source[position])
            position += 1
        }
    }

    private mutating func blank(_ count: Int) {
        for _ in 0..<count where position < source.count {
            masked.append(source[position] == UInt8(ascii: "\n") ? UInt8(ascii: "\n") : UInt8(ascii: " "))
            position += 1
        }
    }

    /// Blanks up to `end`, at most to the end of the line.
    private mutating func blankLine(until end: UInt8) {
        while position < source.count, source[position] != end, source[position] != UInt8(ascii: "\n") { blank(1) }
    }
}
