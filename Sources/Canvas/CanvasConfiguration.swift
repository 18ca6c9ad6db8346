/// Where a Canvas is, and the limits its client keeps.
package struct CanvasConfiguration: Sendable, Equatable {
    /// `http` or `https`.
    package let scheme: String
    /// Host and port.
    package let authority: String
    /// What stands before `/api/v1`; "" or `/something`.
    package let pathPrefix: String
    /// `self`, or a number, or `sis_account_id:…`; a root account. Default `self`.
    package var accountID = "self"
    /// Items per page, 1 to 100 (Canvas gives no more); default 100.
    package var pageSize = 100
    /// Pages that one listing may follow; default 1000.
    package var maxPages = 1000
    /// For a whole small request; default 60 s. Uploads and downloads are bounded by their speed instead.
    package var answerTimeout: Duration = .seconds(60)
    /// Bytes of an answer that is read whole; default 16 MiB.
    package var maxAnswerBytes = 16 << 20
    /// How long to wait when throttled if Canvas gives no hint; default 30 s.
    package var throttleWait: Duration = .seconds(30)
    /// The longest wait that is believed, whatever Canvas asks for; default 15 min.
    package var longestWait: Duration = .seconds(900)

    /// - Returns: nil unless the address is `http(s)://host[:port][/path]` without user, query or fragment.
    package init?(baseURL: String) {
        guard let separator = baseURL.firstRange(of: "://") else { return nil }
        scheme = baseURL[..<separator.lowerBound].lowercased()
        let rest = baseURL[separator.upperBound...]
        authority = String(rest.prefix { $0 != "/" })
        var path = rest.drop { $0 != "/" }
        while path.last == "/" { path.removeLast() }
        pathPrefix = String(path)
        guard ["http", "https"].contains(scheme), !authority.isEmpty,
            !rest.contains(where: { "@?# ".contains($0) || !$0.isASCII })
        else { return nil }
    }
}

extension String {
    /// As one segment of a path or one value of a query: all but letters, digits and `-._~` are escaped.
    var percentEncoded: String {
        utf8.reduce(into: "") { text, byte in
            let character = Character(UnicodeScalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
                text.append(character)
            } else {
                text += byte < 16 ? "%0" : "%"
                text += String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
