import CCurl
import CLinux
import Glibc

/// The thread that owns libcurl.
///
/// It sleeps in `curl_multi_poll`, which watches libcurl's sockets and timers, and is woken by `curl_multi_wakeup`;
/// so there is no bookkeeping of sockets here, which is where other wrappers have their faults. All that libcurl
/// touches (the multi handle, the easy handles, `ActiveTransfer`) is made, used and freed on this thread; others talk
/// to it through `CurlMailbox` only.
///
/// One turn: take the commands, let libcurl work (its callbacks fill the transfers' buffers), settle what ended,
/// sleep. Nothing here blocks but the sleep, and the reading of files to send.
///
/// Considered and dropped: an actor whose executor is this loop. Every command would have been a job, and the mailbox
/// is needed anyway for cancellation, which comes from code that cannot await.
@safe final class CurlLoop {
    private let configuration: CurlConfiguration
    private let mailbox: CurlMailbox
    private var multi: MultiHandle
    private var transfers: [UInt64: ActiveTransfer] = [:]
    private var idsByHandle: [UnsafeMutableRawPointer: UInt64] = unsafe [:]
    /// Easy handles to use again; at most `idleLimit`.
    private var idle: [EasyHandle] = []
    private var isShutDown = false

    private static let idleLimit = 64
    /// libcurl shortens this to its own next timer; the wake-up ends it too.
    private static let sleepLimitMilliseconds: Int32 = 60_000

    private init(configuration: CurlConfiguration, mailbox: CurlMailbox) {
        self.configuration = configuration
        self.mailbox = mailbox
        multi = MultiHandle(configuration)
        unsafe mailbox.wake(through: multi.pointer)
    }

    /// Starts the thread, which ends with `.shutdown`.
    static func start(configuration: CurlConfiguration, mailbox: CurlMailbox) {
        DetachedThread.start(name: "curl") {
            CurlLoop(configuration: configuration, mailbox: mailbox).run()
        }
    }

    private func run() {
        while !isShutDown {
            mailbox.takeAll().forEach(obey)
            let isSound = multi.perform()
            settleFinished()
            if !isSound || !isShutDown && !multi.poll(atMostMilliseconds: Self.sleepLimitMilliseconds) { startOver() }
        }
        let leftOver = mailbox.close()
        unsafe mailbox.wake(through: nil)
        for case .start(let transfer, _) in leftOver { transfer.finish(failure(.closed, of: transfer, sent: false)) }
        abandonAll(.closed)
    }

    private func obey(_ command: CurlMailbox.Command) {
        switch command {
        case .start(let transfer, let request): begin(transfer, request)
        case .cancel(let id):
            guard let active = transfers[id] else { return }
            end(active, failure(.cancelled, of: active.transfer, sent: active.sentCompletely))
        case .resumeReceiving(let id): transfers[id]?.resumeReceiving()
        case .resumeSending(let id): transfers[id]?.resumeSending()
        case .shutdown: isShutDown = true
        }
    }

    private func begin(_ transfer: CurlTransfer, _ request: PreparedRequest) {
        func refuse(_ code: CurlError.Code) { transfer.finish(failure(code, of: transfer, sent: false)) }
        guard !transfer.isCancelRequested else { return refuse(.cancelled) }
        guard transfers.count < configuration.maxRequests else { return refuse(.overloaded) }
        guard let easy = idle.popLast() ?? EasyHandle() else { return refuse(.overloaded) }
        easy.reset()
        let active = ActiveTransfer(transfer: transfer, easy: easy, request: request)
        easy.setCallbacks(for: active)
        guard request.apply(to: easy, configuration) else { return refuse(.unreadableFile) }
        guard multi.add(easy) else { return refuse(.other) }
        transfers[transfer.id] = active
        unsafe idsByHandle[easy.pointer] = transfer.id
    }

    private func settleFinished() {
        while let (handle, result) = unsafe multi.nextFinished() {
            guard let id = unsafe idsByHandle[handle], let active = transfers[id] else { continue }
            end(active, result == CURLE_OK ? nil : failure(result, of: active))
        }
    }

    /// Takes the transfer off libcurl and tells the caller; only then, as the caller may let go of what the callbacks
    /// use.
    private func end(_ active: ActiveTransfer, _ error: CurlError?) {
        multi.remove(active.easy)
        transfers[active.transfer.id] = nil
        unsafe idsByHandle[active.easy.pointer] = nil
        if idle.count < Self.idleLimit {
            active.easy.reset()
            idle.append(active.easy)
        }
        if case .pipe(let pipe, _) = active.source { pipe.close() }
        active.transfer.finish(error)
    }

    private func abandonAll(_ code: CurlError.Code) {
        for active in Array(transfers.values) {
            end(active, failure(code, of: active.transfer, sent: active.sentCompletely))
        }
    }

    /// libcurl says that a multi handle is of no use after an error of its own (memory, a bug): what is under way
    /// fails, and a new one takes over, rather than a process that never sends anything again.
    private func startOver() {
        abandonAll(.receiveFailed)
        idle = []
        unsafe mailbox.wake(through: nil)
        multi = MultiHandle(configuration)
        unsafe mailbox.wake(through: multi.pointer)
    }

    private func failure(_ code: CurlError.Code, of transfer: CurlTransfer, sent: Bool?) -> CurlError {
        CurlError(code, operation: transfer.operation, sentCompletely: sent)
    }

    private func failure(_ result: CURLcode, of active: ActiveTransfer) -> CurlError {
        let raw = CurlCode(result)
        let text = active.easy.lastErrorText
        // libcurl reports a proxy's "no" to CONNECT as a broken connection; only the proxy's status tells.
        let proxyStatus = active.easy.proxyStatus
        let isProxyRefusal = proxyStatus >= 400
        return CurlError(
            active.uploadFailure ?? (isProxyRefusal ? .proxyFailed : raw.code),
            curlCode: raw,
            operation: active.transfer.operation,
            sentCompletely: isProxyRefusal ? false : active.sentCompletely,
            isTransient: isProxyRefusal ? proxyStatus >= 500 : nil,
            detail: text.isEmpty ? unsafe String(cString: curl_easy_strerror(result)) : text
        )
    }
}

/// A named thread that runs one closure and ends with it.
private enum DetachedThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(name: String, _ run: @escaping @Sendable () -> Void) {
        let body = Body {
            unsafe linux_name_thread(name)
            run()
        }
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread,
            nil,
            { raw in
                if let raw = unsafe raw { unsafe Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            },
            Unmanaged.passRetained(body).toOpaque()
        )
        precondition(status == 0, "no thread for libcurl: error \(status)")
        pthread_detach(thread)
    }
}
