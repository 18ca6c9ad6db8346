import HTTPTypes

/// Makes a head from the lines libcurl hands over one by one.
///
/// One request may see several heads: interim ones (1xx), those of followed redirects, and lines after the body
/// (trailers). Only the last counts for the caller; which one that is decides `isFinal`.
struct ResponseHeadParser {
    /// A finished head and the protocol it came by, such as `HTTP/2`.
    struct Head: Sendable, Equatable {
        var response: HTTPResponse
        var version: String
    }

    /// Whether a 3xx with a `Location` is only a stop on the way.
    let followsRedirects: Bool
    private var head: Head?

    init(followsRedirects: Bool) {
        self.followsRedirects = followsRedirects
    }

    /// Takes one line with its line end.
    /// - Returns: the caller's head, once its empty line has come.
    mutating func take(_ line: some Collection<UInt8>) -> Head? {
        let text = Self.trimmed(String(decoding: line, as: UTF8.self))
        if text.hasPrefix("HTTP/") {
            head = Self.statusLine(text)
            return nil
        }
        if text.isEmpty {
            defer { head = nil }
            return head.flatMap { isFinal($0.response) ? $0 : nil }
        }
        // Without a head under way this is a trailer: nobody asked for those.
        if head != nil, let field = Self.field(text) { head?.response.headerFields.append(field) }
        return nil
    }

    private func isFinal(_ response: HTTPResponse) -> Bool {
        switch response.status.code {
        case 100..<200: false
        case 300..<400: !(followsRedirects && response.headerFields[.location] != nil)
        default: true
        }
    }

    private static func statusLine(_ text: String) -> Head? {
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let code = Int(parts[1]), (100...999).contains(code) else { return nil }
        let reason = parts.count > 2 ? String(parts[2]) : ""
        return Head(response: HTTPResponse(status: .init(code: code, reasonPhrase: reason)), version: String(parts[0]))
    }

    private static func field(_ text: String) -> HTTPField? {
        guard let colon = text.firstIndex(of: ":"), let name = HTTPField.Name(String(text[..<colon])) else {
            return nil
        }
        return HTTPField(name: name, value: trimmed(String(text[text.index(after: colon)...])))
    }

    private static func trimmed(_ text: String) -> String {
        var rest = Substring(text)
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        return String(rest)
    }
}
