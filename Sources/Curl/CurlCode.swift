import CCurl

/// A code of libcurl, kept raw so that none is lost.
/// - SeeAlso: https://curl.se/libcurl/c/libcurl-errors.html
package struct CurlCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    init(_ code: CURLcode) {
        self.init(rawValue: code.rawValue)
    }

    /// What callers act on.
    var code: CurlError.Code { Self.table[rawValue] ?? .other }

    private static let table: [UInt32: CurlError.Code] = {
        let groups: [(CurlError.Code, [CURLcode])] = [
            (.couldNotResolve, [CURLE_COULDNT_RESOLVE_HOST]),
            (.couldNotConnect, [CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED]),
            (.proxyFailed, [CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY]),
            (.timedOut, [CURLE_OPERATION_TIMEDOUT]),
            (
                .tlsFailed,
                [
                    CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
                    CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
                    CURLE_SSL_CRL_BADFILE, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_USE_SSL_FAILED,
                ]
            ),
            (.sendFailed, [CURLE_SEND_ERROR, CURLE_SEND_FAIL_REWIND]),
            (
                .receiveFailed,
                [
                    CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2,
                    CURLE_HTTP2_STREAM, CURLE_BAD_CONTENT_ENCODING, CURLE_UNSUPPORTED_PROTOCOL,
                ]
            ),
            (.tooManyRedirects, [CURLE_TOO_MANY_REDIRECTS]),
            (.invalidRequest, [CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT]),
            (.unreadableFile, [CURLE_READ_ERROR, CURLE_FILE_COULDNT_READ_FILE]),
            (.bodyFailed, [CURLE_ABORTED_BY_CALLBACK]),
        ]
        return groups.reduce(into: [:]) { table, group in
            for code in group.1 { table[code.rawValue] = group.0 }
        }
    }()
}
