import CCurl

/// A transfer while libcurl has it: what the callbacks work on. Never leaves the loop's thread.
final class ActiveTransfer {
    let transfer: CurlTransfer
    let easy: EasyHandle
    let source: UploadSource
    private var parser: ResponseHeadParser
    private var uploaded: Int64 = 0
    private var isReceivingPaused = false
    private var isSendingPaused = false
    /// Set where the body, not the network, ended the transfer.
    private(set) var uploadFailure: CurlError.Code?

    init(transfer: CurlTransfer, easy: EasyHandle, request: PreparedRequest) {
        self.transfer = transfer
        self.easy = easy
        source = request.source
        parser = ResponseHeadParser(followsRedirects: request.followRedirects)
    }

    func received(headerLine: some Collection<UInt8>) {
        guard let head = parser.take(headerLine) else { return }
        transfer.received(head: head)
        // An answer that comes while the body pauses may be all there is to come: libcurl 7.88 has stopped sending, but
        // sees that it is done only once the pause is over.
        if isSendingPaused, case .pipe(let pipe, _) = source { pipe.wakeReader() }
    }

    /// - Returns: false = pause.
    func received(bytes: some Collection<UInt8>) -> Bool {
        if transfer.received(bytes: bytes) { return true }
        isReceivingPaused = true
        return false
    }

    /// - Returns: bytes written, or one of libcurl's `CURL_READFUNC_` values.
    func fill(_ target: UnsafeMutableRawBufferPointer) -> Int {
        switch source {
        case .none, .multipart: return 0
        case .bytes(let bytes):
            let count = min(target.count, bytes.count - Int(uploaded))
            unsafe target.copyBytes(from: bytes[Int(uploaded)..<Int(uploaded) + count])
            uploaded += Int64(count)
            return count
        case .file(let file):
            // A file cut short since it was opened must not look like a shorter body that is whole.
            guard let count = unsafe file.read(at: uploaded, into: target), count > 0 || uploaded == file.length else {
                return abort(.unreadableFile)
            }
            uploaded += Int64(count)
            return count
        case .pipe(let pipe, _):
            switch unsafe pipe.take(into: target) {
            case .bytes(let count):
                uploaded += Int64(count)
                return count
            case .wait:
                isSendingPaused = true
                return Int(CURL_READFUNC_PAUSE)
            case .end: return 0
            case .failed: return abort(.bodyFailed)
            }
        }
    }

    /// libcurl wants the body again from here, after a redirect or on a connection that died before anything was
    /// answered.
    func seek(to offset: Int64) -> Bool {
        switch source {
        case .bytes, .file:
            uploaded = offset
            return true
        case .none, .multipart, .pipe: return offset == uploaded
        }
    }

    func resumeReceiving() {
        guard isReceivingPaused else { return }
        // Before the call, as libcurl may call back (and pause again) inside it.
        isReceivingPaused = false
        easy.pause(receiving: false, sending: isSendingPaused)
    }

    func resumeSending() {
        guard isSendingPaused else { return }
        isSendingPaused = false
        easy.pause(receiving: isReceivingPaused, sending: false)
    }

    /// See `CurlError.sentCompletely`; to be asked before the handle is reset.
    var sentCompletely: Bool? {
        // 0 until name, connection, proxy and TLS are done: not a byte of the request has left.
        guard easy.number(CURLINFO_PRETRANSFER_TIME_T) > 0 else { return false }
        let length = easy.number(CURLINFO_CONTENT_LENGTH_UPLOAD_T)
        if length > 0 { return easy.number(CURLINFO_SIZE_UPLOAD_T) >= length }
        if case .none = source { return true }
        // Of unknown length: only its own end tells, and that has not always been passed on.
        return nil
    }

    private func abort(_ code: CurlError.Code) -> Int {
        uploadFailure = code
        return Int(CURL_READFUNC_ABORT)
    }
}

/// What libcurl calls, on the loop's thread and only inside `perform` or `pause`. They copy, and never call the
/// caller's code.
enum CurlCallbacks {
    typealias DataCallback = @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int
    typealias SeekCallback = @convention(c) (UnsafeMutableRawPointer?, curl_off_t, Int32) -> Int32

    static let onHeader: DataCallback = { data, size, count, owner in
        guard let transfer = unsafe CurlCallbacks.transfer(owner) else { return 0 }
        unsafe transfer.received(headerLine: UnsafeRawBufferPointer(start: data, count: size * count))
        return size * count
    }

    static let onBody: DataCallback = { data, size, count, owner in
        guard let transfer = unsafe CurlCallbacks.transfer(owner) else { return 0 }
        let taken = unsafe transfer.received(bytes: UnsafeRawBufferPointer(start: data, count: size * count))
        return taken ? size * count : Int(CURL_WRITEFUNC_PAUSE)
    }

    static let onUpload: DataCallback = { target, size, count, owner in
        guard let transfer = unsafe CurlCallbacks.transfer(owner) else { return Int(CURL_READFUNC_ABORT) }
        return unsafe transfer.fill(UnsafeMutableRawBufferPointer(start: target, count: size * count))
    }

    static let onSeek: SeekCallback = { owner, offset, origin in
        guard origin == SEEK_SET, let transfer = unsafe CurlCallbacks.transfer(owner) else { return CURL_SEEKFUNC_FAIL }
        return transfer.seek(to: Int64(offset)) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
    }

    /// Sound: the loop keeps each `ActiveTransfer` in its table for as long as libcurl has the handle.
    private static func transfer(_ owner: UnsafeMutableRawPointer?) -> ActiveTransfer? {
        unsafe owner.map { unsafe Unmanaged<ActiveTransfer>.fromOpaque($0).takeUnretainedValue() }
    }
}
