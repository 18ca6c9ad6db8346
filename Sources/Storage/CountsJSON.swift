/// Numbers by name as a JSON object, without an encoder: names are of a closed set of letters, digits and dots.
enum CountsJSON {
    static func encode(_ counts: [String: Int64]) -> String {
        var text = "{"
        for (name, value) in counts.sorted(by: { $0.key < $1.key }) {
            if text.utf8.count > 1 { text += "," }
            text +=
                "\"\(name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_" || $0 == "-") })\":\(value)"
        }
        return text + "}"
    }
}
