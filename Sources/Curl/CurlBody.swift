/// What a request carries.
package enum CurlBody: Sendable {
    case none
    case bytes([UInt8])
    /// Read while it is sent, never whole in memory; its length at the start is what is announced.
    case file(path: String)
    /// Pulled as the server takes it, with at most 256 KiB waiting. `length` nil = chunked (or an open HTTP/2
    /// stream); a sequence that yields more or less than `length` fails the request with `.bodyFailed`. It cannot be
    /// sent twice, so no redirect is followed with it.
    case stream(length: Int64?, any AsyncSequence<[UInt8], any Error> & Sendable)
    /// `multipart/form-data`; libcurl makes the boundary, so the request must not bring a `Content-Type`.
    case multipart([CurlPart])
}

/// One field of a `multipart/form-data` body.
package struct CurlPart: Sendable {
    /// Where the field's value comes from.
    package enum Content: Sendable {
        case bytes([UInt8])
        /// Read while it is sent, never whole in memory.
        case file(path: String)
    }

    /// The name of the field.
    package let name: String
    /// What the server sees as file name; nil = a plain field, or for a file the last part of its path.
    package let filename: String?
    /// nil = none for bytes; for a file what libcurl guesses from the name.
    package let contentType: String?
    package let content: Content

    package init(name: String, filename: String? = nil, contentType: String? = nil, content: Content) {
        self.name = name
        self.filename = filename
        self.contentType = contentType
        self.content = content
    }

    /// A plain text field.
    package static func field(_ name: String, _ value: String) -> CurlPart {
        CurlPart(name: name, content: .bytes(Array(value.utf8)))
    }
}
