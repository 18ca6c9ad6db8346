import CPostgres
import EventLoops
import Glibc
import Logging

/// The one owner of a `PGconn`, always non-blocking; lives inside a connection's actor and nowhere else.
///
/// Thin on purpose: each method is one call of the library, with the error read before the next call could overwrite
/// it.
/// - SeeAlso: https://www.postgresql.org/docs/15/libpq-async.html
@safe final class PostgresHandle {
    private var pointer: OpaquePointer?
    // The library holds an unowned reference, so it must outlive the pointer.
    private let notices: NoticeSink

    /// Begins to connect; go on with `continueConnecting`.
    /// - Parameter parameters: names of libpq and their values, never joined to a string.
    init(parameters: [(name: String, value: String)], logger: Logger) throws {
        notices = NoticeSink(logger: logger)
        let names = CStrings(parameters.map { $0.name })
        let values = CStrings(parameters.map { $0.value })
        unsafe pointer = unsafe PQconnectStartParams(names.pointers, values.pointers, 0)
        guard let pointer = unsafe pointer else {
            throw PostgresError.lost("connect", message: "out of memory")
        }
        // With the code in the text, which is the only place of it while connecting.
        unsafe PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        let sink = unsafe Unmanaged.passUnretained(notices).toOpaque()
        unsafe PQsetNoticeReceiver(
            pointer,
            { sink, result in
                guard let sink = unsafe sink, let result = unsafe result else { return }
                unsafe Unmanaged<NoticeSink>.fromOpaque(sink).takeUnretainedValue().log(result)
            }, sink)
    }

    deinit {
        finish()
    }

    /// Says goodbye to the server and closes the socket; later calls find a closed connection.
    func finish() {
        guard let pointer = unsafe pointer else { return }
        unsafe self.pointer = nil
        unsafe PQfinish(pointer)
    }

    /// Changes while connecting: read it before each wait. -1 when closed.
    var socket: Int32 { unsafe pointer.map { unsafe PQsocket($0) } ?? -1 }

    var isUsable: Bool { unsafe pointer.map { unsafe PQstatus($0) != CONNECTION_BAD } ?? false }

    /// Whether the server waits inside no transaction.
    var isIdle: Bool { unsafe pointer.map { unsafe PQtransactionStatus($0) == PQTRANS_IDLE } ?? false }

    var usesTLS: Bool { unsafe pointer.map { unsafe PQsslInUse($0) != 0 } ?? false }

    var processIdentifier: Int32 { unsafe pointer.map { unsafe PQbackendPID($0) } ?? 0 }

    /// The last error's text; it may quote data.
    var errorMessage: String {
        guard let text = unsafe pointer.flatMap({ unsafe PQerrorMessage($0) }) else { return "" }
        return unsafe String(cString: text)
    }

    enum Progress {
        case connected
        case failed
        case waiting(Interest)
    }

    func continueConnecting() -> Progress {
        switch unsafe PQconnectPoll(pointer) {
        case PGRES_POLLING_OK: .connected
        case PGRES_POLLING_READING: .waiting(.readable)
        case PGRES_POLLING_WRITING: .waiting(.writable)
        default: .failed
        }
    }

    func makeNonBlocking() throws {
        try check(unsafe PQsetnonblocking(pointer, 1))
        try enterPipeline()
    }

    func enterPipeline() throws {
        try check(unsafe PQenterPipelineMode(pointer) == 1 ? 0 : -1)
    }

    func exitPipeline() throws {
        try check(unsafe PQexitPipelineMode(pointer) == 1 ? 0 : -1)
    }

    /// - Returns: whether there is more to write.
    func flush() throws -> Bool {
        let status = unsafe PQflush(pointer)
        try check(status)
        return status == 1
    }

    /// Takes what has arrived.
    func consumeInput() throws {
        try check(unsafe PQconsumeInput(pointer) == 1 ? 0 : -1)
        guard usesTLS else { return }
        // OpenSSL may keep up to one record of 16 KiB to itself, which poll(2) does not see; each call takes at least
        // half of that.
        for _ in 0..<2 { try check(unsafe PQconsumeInput(pointer) == 1 ? 0 : -1) }
    }

    /// Looks at what has come unasked, without waiting; false once the server has said goodbye or hung up.
    func checkIsAlive() -> Bool {
        guard isUsable, unsafe PQconsumeInput(pointer) == 1 else { return false }
        // Hands what was read to the notice receiver: the server's farewell comes as one when no statement is under
        // way.
        _ = isBusy
        return isUsable && !notices.hasSeenFarewell
    }

    /// Whether `nextResult` would block.
    var isBusy: Bool { unsafe PQisBusy(pointer) == 1 }

    /// Nil at the end of a statement.
    func nextResult() -> PostgresResult? {
        unsafe PQgetResult(pointer).map { unsafe PostgresResult($0) }
    }

    func nextNotification() -> PostgresNotification? {
        guard let raw = unsafe PQnotifies(pointer) else { return nil }
        defer { unsafe PQfreemem(raw) }
        return unsafe PostgresNotification(
            channel: String(cString: raw.pointee.relname), payload: String(cString: raw.pointee.extra))
    }

    func sendPrepare(name: String, sql: String, types: [UInt32]) throws {
        try check(unsafe PQsendPrepare(pointer, name, sql, Int32(types.count), types) - 1)
    }

    func sendPrepared(name: String, binds: [PostgresBind]) throws {
        // Each value ends with a 0, which the text format needs; all lie in one piece of memory.
        var bytes: [UInt8] = []
        var offsets: [Int] = []
        for bind in binds {
            offsets.append(bind.bytes == nil ? -1 : bytes.count)
            bytes += bind.bytes ?? []
            bytes.append(0)
        }
        let lengths = binds.map { Int32($0.bytes?.count ?? 0) }
        let formats = binds.map { Int32($0.isBinary ? 1 : 0) }
        let status = unsafe bytes.withUnsafeBufferPointer { buffer in
            let start = unsafe UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self)
            let values = unsafe offsets.map { unsafe $0 < 0 ? nil : start?.advanced(by: $0) }
            return unsafe PQsendQueryPrepared(pointer, name, Int32(binds.count), values, lengths, formats, 0)
        }
        try check(status - 1)
    }

    /// A statement without values, not prepared, for use inside a pipeline.
    func sendOnce(_ sql: String) throws {
        try check(unsafe PQsendQueryParams(pointer, sql, 0, nil, nil, nil, nil, 0) - 1)
    }

    func sendSync() throws {
        try check(unsafe PQpipelineSync(pointer) - 1)
    }

    /// Any number of statements without values, outside a pipeline.
    func sendScript(_ sql: String) throws {
        try check(unsafe PQsendQuery(pointer, sql) - 1)
    }

    /// - Returns: false when the output buffer is full: flush and try again.
    func putCopyData(_ bytes: [UInt8]) throws -> Bool {
        let status = unsafe bytes.withUnsafeBytes { buffer in
            unsafe PQputCopyData(pointer, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count))
        }
        try check(status)
        return status == 1
    }

    /// - Parameter failure: makes the server refuse the whole copy, with this text in its error.
    /// - Returns: false when the output buffer is full: flush and try again.
    func putCopyEnd(failure: String?) throws -> Bool {
        let status = unsafe PQputCopyEnd(pointer, failure)
        try check(status)
        return status == 1
    }

    enum CopyRead {
        case row
        case wouldBlock
        /// Ask `nextResult` whether it ended well.
        case end
    }

    /// Appends the next row of a COPY TO.
    func getCopyData(appendingTo bytes: inout [UInt8]) throws -> CopyRead {
        var buffer: UnsafeMutablePointer<CChar>?
        let count = unsafe PQgetCopyData(pointer, &buffer, 1)
        defer { unsafe PQfreemem(buffer) }
        if count == 0 { return .wouldBlock }
        if count == -1 { return .end }
        guard count > 0, let buffer = unsafe buffer else { throw lost() }
        unsafe bytes += UnsafeRawBufferPointer(start: buffer, count: Int(count))
        return .row
    }

    /// What another thread needs to stop the statement under way.
    func makeCancelRequest() -> PostgresCancelRequest? {
        guard let request = unsafe PQgetCancel(pointer) else { return nil }
        return unsafe PostgresCancelRequest(request)
    }

    func lost() -> PostgresError {
        .lost("talk to the server", message: errorMessage)
    }

    private func check(_ status: Int32) throws {
        if status < 0 { throw lost() }
    }
}

/// What the server says without being asked; goes to the log.
private final class NoticeSink {
    private let logger: Logger
    private(set) var hasSeenFarewell = false

    init(logger: Logger) {
        self.logger = logger
    }

    /// The result belongs to the library.
    @safe func log(_ result: OpaquePointer) {
        let text = { (field: PostgresResult.Field) -> String in
            unsafe PQresultErrorField(result, Int32(field.rawValue.value)).map { unsafe String(cString: $0) } ?? ""
        }
        let severity = text(.severity)
        if severity == "FATAL" || severity == "PANIC" { hasSeenFarewell = true }
        logger.log(
            level: severity == "WARNING" ? .warning : .debug, "The database sent a notice",
            metadata: [
                PostgresKeys.Log.severity: "\(severity)",
                PostgresKeys.Log.sqlState: "\(text(.sqlState))",
                PostgresKeys.Log.notice: "\(text(.message))",
            ])
    }
}

/// C strings for the length of a call.
@safe private struct CStrings: ~Copyable {
    let pointers: [UnsafePointer<CChar>?]

    init(_ strings: [String]) {
        unsafe pointers = strings.map { unsafe UnsafePointer(strdup($0)) } + [nil]
    }

    deinit {
        for index in unsafe pointers.indices { unsafe free(UnsafeMutablePointer(mutating: pointers[index])) }
    }
}
