import CCurl

/// The one owner of a libcurl easy handle, with what libcurl keeps only by reference: header list, form and error text.
///
/// Never leaves the loop's thread. Legal order: configure, add to the multi handle, remove, read the outcome,
/// `reset()`, again.
@safe final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var mime: OpaquePointer?

    /// - Returns: nil when memory is out.
    init?() {
        guard let pointer = unsafe curl_easy_init() else { return nil }
        unsafe self.pointer = unsafe pointer
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe curl_easy_cleanup(pointer)
        freeOwned()
        unsafe errorText.deallocate()
    }

    /// Forgets all options, keeps nothing of the last request. The handle must be off the multi handle.
    func reset() {
        unsafe curl_easy_reset(pointer)
        freeOwned()
        unsafe errorText[0] = 0
        unsafe curl_shim_set_pointer(pointer, CURLOPT_ERRORBUFFER, errorText)
    }

    /// libcurl's text about the last failure; empty if it had none.
    var lastErrorText: String { unsafe String(cString: errorText) }

    // libcurl copies strings. Return codes of options are not looked at one by one: the only one that depends on
    // input is the address, and a bad one fails the transfer with CURLE_URL_MALFORMAT.

    func set(_ option: CURLoption, _ value: Int) {
        unsafe _ = curl_shim_set_long(pointer, option, value)
    }

    func set(_ option: CURLoption, _ value: Bool) {
        set(option, value ? 1 : 0)
    }

    func set(_ option: CURLoption, offset value: Int64) {
        unsafe _ = curl_shim_set_offset(pointer, option, curl_off_t(value))
    }

    func set(_ option: CURLoption, _ value: String) {
        unsafe _ = curl_shim_set_string(pointer, option, value)
    }

    /// The object must outlive the transfer; it comes back as the callbacks' last argument.
    func setCallbacks(for owner: ActiveTransfer) {
        let reference = unsafe Unmanaged.passUnretained(owner).toOpaque()
        unsafe curl_shim_set_data_callback(pointer, CURLOPT_HEADERFUNCTION, CurlCallbacks.onHeader)
        unsafe curl_shim_set_pointer(pointer, CURLOPT_HEADERDATA, reference)
        unsafe curl_shim_set_data_callback(pointer, CURLOPT_WRITEFUNCTION, CurlCallbacks.onBody)
        unsafe curl_shim_set_pointer(pointer, CURLOPT_WRITEDATA, reference)
        unsafe curl_shim_set_data_callback(pointer, CURLOPT_READFUNCTION, CurlCallbacks.onUpload)
        unsafe curl_shim_set_pointer(pointer, CURLOPT_READDATA, reference)
        unsafe curl_shim_set_seek_callback(pointer, CurlCallbacks.onSeek)
        unsafe curl_shim_set_pointer(pointer, CURLOPT_SEEKDATA, reference)
    }

    func setHeaders(_ lines: [String]) {
        for line in lines {
            // On failure (memory) the list so far stays valid and ours.
            if let longer = unsafe curl_slist_append(headers, line) { unsafe headers = unsafe longer }
        }
        unsafe _ = curl_shim_set_pointer(pointer, CURLOPT_HTTPHEADER, headers)
    }

    /// - Returns: false if a part's file cannot be read.
    func setForm(_ parts: [CurlPart]) -> Bool {
        guard let form = unsafe curl_mime_init(pointer) else { return false }
        unsafe mime = unsafe form
        for part in parts {
            guard let field = unsafe curl_mime_addpart(form) else { return false }
            unsafe curl_mime_name(field, part.name)
            let result: CURLcode
            switch part.content {
            case .bytes(let bytes):
                result = unsafe bytes.withUnsafeBytes { raw in
                    // The address of an empty array may be nil, which libcurl would take for "no content".
                    guard let start = raw.baseAddress else { return unsafe curl_mime_data(field, "", 0) }
                    return unsafe curl_mime_data(field, start.assumingMemoryBound(to: CChar.self), raw.count)
                }
            case .file(let path): result = unsafe curl_mime_filedata(field, path)
            }
            guard result == CURLE_OK else { return false }
            if let filename = part.filename { unsafe curl_mime_filename(field, filename) }
            if let contentType = part.contentType { unsafe curl_mime_type(field, contentType) }
        }
        unsafe curl_shim_set_pointer(pointer, CURLOPT_MIMEPOST, unsafe UnsafeMutableRawPointer(form))
        return true
    }

    /// Lets both directions run but those named.
    func pause(receiving: Bool, sending: Bool) {
        let mask = (receiving ? CURLPAUSE_RECV : 0) | (sending ? CURLPAUSE_SEND : 0)
        unsafe _ = curl_easy_pause(pointer, mask)
    }

    func number(_ info: CURLINFO) -> Int64 {
        var value: curl_off_t = 0
        return unsafe curl_shim_get_offset(pointer, info, &value) == CURLE_OK ? Int64(value) : 0
    }

    /// What the proxy answered to CONNECT; 0 if it was not asked.
    var proxyStatus: Int {
        var status = 0
        return unsafe curl_shim_get_long(pointer, CURLINFO_HTTP_CONNECTCODE, &status) == CURLE_OK ? status : 0
    }

    private func freeOwned() {
        unsafe curl_slist_free_all(headers)
        unsafe curl_mime_free(mime)
        unsafe headers = nil
        unsafe mime = nil
    }
}
