import CCurl

/// The one owner of a libcurl multi handle: its connections, and the easy handles under way. Never leaves the loop's
/// thread.
@safe struct MultiHandle: ~Copyable {
    let pointer: UnsafeMutableRawPointer

    init(_ configuration: CurlConfiguration) {
        guard let pointer = unsafe curl_multi_init() else {
            preconditionFailure("curl_multi_init gave nothing: out of memory")
        }
        unsafe self.pointer = unsafe pointer
        unsafe curl_shim_multi_set_long(pointer, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.maxConnectionsPerHost)
        unsafe curl_shim_multi_set_long(pointer, CURLMOPT_MAX_TOTAL_CONNECTIONS, configuration.maxConnections)
        unsafe curl_shim_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, configuration.maxConnections)
        unsafe curl_shim_multi_set_long(pointer, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    }

    /// All easy handles must have been removed.
    deinit { unsafe curl_multi_cleanup(pointer) }

    borrowing func add(_ easy: EasyHandle) -> Bool {
        unsafe curl_multi_add_handle(pointer, easy.pointer) == CURLM_OK
    }

    borrowing func remove(_ easy: EasyHandle) {
        unsafe _ = curl_multi_remove_handle(pointer, easy.pointer)
    }

    /// Does what can be done without waiting; calls back.
    /// - Returns: false when the handle is finished for good.
    borrowing func perform() -> Bool {
        var running: Int32 = 0
        return unsafe curl_multi_perform(pointer, &running) == CURLM_OK
    }

    /// Sleeps until a socket is ready, one of libcurl's timers is due, `curl_multi_wakeup` was called, or the time is
    /// over.
    borrowing func poll(atMostMilliseconds limit: Int32) -> Bool {
        unsafe curl_multi_poll(pointer, nil, 0, limit, nil) == CURLM_OK
    }

    /// The next transfer that ended, by its easy handle's address.
    borrowing func nextFinished() -> (easy: UnsafeMutableRawPointer, result: CURLcode)? {
        var left: Int32 = 0
        while let message = unsafe curl_multi_info_read(pointer, &left) {
            guard unsafe message.pointee.msg == CURLMSG_DONE, let easy = unsafe message.pointee.easy_handle else {
                continue
            }
            return unsafe (easy, curl_shim_message_result(message))
        }
        return nil
    }
}
