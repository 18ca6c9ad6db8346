import CCurl
import HTTPTypes

/// A request with nothing left to decide: what the loop's thread sets on an easy handle.
struct PreparedRequest: Sendable {
    let method: HTTPRequest.Method
    let url: String
    let headers: [String]
    let source: UploadSource
    let followRedirects: Bool
    let connectTimeout: Duration
    let lowSpeedTime: Duration
    let totalTimeout: Duration?

    /// - Returns: nil if the request has no scheme or host, or one that is not http(s).
    init?(
        _ request: HTTPRequest,
        source: UploadSource,
        configuration: CurlConfiguration,
        options: CurlRequestOptions
    ) {
        guard let scheme = request.scheme, ["http", "https"].contains(scheme), let authority = request.authority,
            !authority.isEmpty
        else { return nil }
        method = request.method
        url = "\(scheme)://\(authority)\(request.path ?? "/")"
        headers = Self.headerLines(request, source: source, configuration: configuration)
        self.source = source
        followRedirects = options.followRedirects ?? configuration.followRedirects
        connectTimeout = options.connectTimeout ?? configuration.connectTimeout
        lowSpeedTime = options.lowSpeedTime ?? configuration.lowSpeedTime
        totalTimeout = options.totalTimeout ?? configuration.totalTimeout
    }

    private static func headerLines(
        _ request: HTTPRequest,
        source: UploadSource,
        configuration: CurlConfiguration
    ) -> [String] {
        // The field type refuses line breaks in values, so nothing can be smuggled in here. "Name;" is libcurl's form
        // of an empty value.
        var lines = request.headerFields.map {
            $0.value.isEmpty ? "\($0.name.rawName);" : "\($0.name.rawName): \($0.value)"
        }
        // Without this libcurl waits up to a second for "100 Continue" before a larger body.
        lines.append("Expect:")
        if request.headerFields[.userAgent] == nil { lines.append("User-Agent: \(configuration.userAgent)") }
        if case .multipart = source { return lines }
        // libcurl would otherwise call every POST a form.
        if request.headerFields[.contentType] == nil { lines.append("Content-Type:") }
        if source.length == nil { lines.append("Transfer-Encoding: chunked") }
        return lines
    }

    /// Method, address without query, fragment and user information: what errors and logs may show.
    static func operation(of request: HTTPRequest) -> String {
        let host = (request.authority ?? "").split(separator: "@").last ?? ""
        let path = (request.path ?? "/").split(separator: "?", omittingEmptySubsequences: false).first ?? ""
        return "\(request.method.rawValue) \(request.scheme ?? "")://\(host)\(path)"
    }

    /// - Returns: false if a file of a multipart body cannot be read.
    func apply(to easy: EasyHandle, _ configuration: CurlConfiguration) -> Bool {
        easy.set(CURLOPT_URL, url)
        easy.set(CURLOPT_PROTOCOLS_STR, "http,https")
        easy.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        easy.set(CURLOPT_PATH_AS_IS, true)
        easy.set(CURLOPT_FOLLOWLOCATION, followRedirects)
        easy.set(CURLOPT_MAXREDIRS, configuration.maxRedirects)
        if configuration.decompress { easy.set(CURLOPT_ACCEPT_ENCODING, "") }
        applyLimits(to: easy, configuration)
        applyConnection(to: easy, configuration)
        easy.setHeaders(headers)
        return applyMethod(to: easy)
    }

    private func applyLimits(to easy: EasyHandle, _ configuration: CurlConfiguration) {
        easy.set(CURLOPT_CONNECTTIMEOUT_MS, connectTimeout.milliseconds)
        easy.set(CURLOPT_LOW_SPEED_LIMIT, configuration.lowSpeedLimit)
        easy.set(CURLOPT_LOW_SPEED_TIME, lowSpeedTime.wholeSeconds)
        if let totalTimeout { easy.set(CURLOPT_TIMEOUT_MS, totalTimeout.milliseconds) }
        easy.set(CURLOPT_MAXAGE_CONN, configuration.maxIdleAgeOfConnection.wholeSeconds)
        easy.set(CURLOPT_MAXLIFETIME_CONN, configuration.maxLifetimeOfConnection.wholeSeconds)
        // Uploads of hundreds of megabytes: fewer, larger reads.
        easy.set(CURLOPT_UPLOAD_BUFFERSIZE, 256 << 10)
        easy.set(CURLOPT_BUFFERSIZE, 128 << 10)
    }

    private func applyConnection(to easy: EasyHandle, _ configuration: CurlConfiguration) {
        easy.set(CURLOPT_NOSIGNAL, true)
        // Else taking off a transfer that still resolves its name would block the loop until the resolver's thread is
        // done.
        easy.set(CURLOPT_QUICK_EXIT, true)
        easy.set(CURLOPT_TCP_KEEPALIVE, true)
        easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        easy.set(CURLOPT_HTTP_VERSION, configuration.http2 ? Int(CURL_HTTP_VERSION_2TLS) : Int(CURL_HTTP_VERSION_1_1))
        easy.set(CURLOPT_PIPEWAIT, configuration.http2)
        easy.set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let caFile = configuration.caFile { easy.set(CURLOPT_CAINFO, caFile) }
        // An empty string also switches off the proxies of the environment.
        easy.set(CURLOPT_PROXY, configuration.proxy ?? "")
        easy.set(CURLOPT_NOPROXY, configuration.noProxy.joined(separator: ","))
    }

    /// Methods that may be sent twice (RFC 9110, 9.2.2).
    private static let repeatable: Set<HTTPRequest.Method> = [.get, .head, .options, .trace, .put, .delete]

    private func applyMethod(to easy: EasyHandle) -> Bool {
        // libcurl sends a request again by itself when a connection that was used before dies without a byte of answer.
        // For these methods that could do everything twice, so they never go over such a connection.
        if !Self.repeatable.contains(method) { easy.set(CURLOPT_FRESH_CONNECT, true) }
        switch source {
        case .multipart(let parts):
            guard easy.setForm(parts) else { return false }
            if method != .post { easy.set(CURLOPT_CUSTOMREQUEST, method.rawValue) }
        case .none where method == .get: easy.set(CURLOPT_HTTPGET, true)
        case .none where method == .head: easy.set(CURLOPT_NOBODY, true)
        case .none where method != .post && method != .put && method != .patch:
            easy.set(CURLOPT_CUSTOMREQUEST, method.rawValue)
        case .none, .bytes, .file, .pipe:
            easy.set(CURLOPT_POST, true)
            easy.set(CURLOPT_POSTFIELDSIZE_LARGE, offset: source.length ?? -1)
            if method != .post { easy.set(CURLOPT_CUSTOMREQUEST, method.rawValue) }
        }
        return true
    }
}
