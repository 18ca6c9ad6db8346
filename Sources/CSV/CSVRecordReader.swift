import Glibc

/// Reads single records of a file at places that an earlier scan noted.
///
/// Records asked for in the file's order come from a window of 256 KiB, others from one small read each, so a file that
/// is in order already costs no more than a scan. Fields are views that die with the next ``load(offset:bytes:)``.
@safe
package struct CSVRecordReader: ~Copyable {
    private static let windowBytes = 256 << 10

    private let file: InputFile
    private var parser: RecordParser
    private let window: UnsafeMutablePointer<UInt8>
    private var windowOffset: UInt64 = 0
    private var windowFilled = 0
    private var scratch: UnsafeMutablePointer<UInt8>
    private var capacity = 1 << 12
    private var previousEnd: UInt64 = 0

    /// Opens a file.
    ///
    /// - Throws: `CSVError` with `.readFailed`.
    package init(path: String, limits: CSVLimits = CSVLimits()) throws(CSVError) {
        file = try InputFile(path: path)
        parser = RecordParser(limits: limits)
        unsafe window = .allocate(capacity: Self.windowBytes)
        unsafe scratch = RecordParser.zeroed(capacity)
    }

    deinit {
        unsafe window.deallocate()
        unsafe free(scratch)
    }

    /// Fields of the loaded record.
    package var fieldCount: Int { parser.count }

    /// The bytes of a field of the loaded record; empty when it has no such field.
    package func field(_ index: Int) -> ByteView {
        guard index >= 0 && index < parser.count else { return unsafe ByteView(base: scratch, count: 0) }
        let (start, count) = parser.bounds(of: index)
        return unsafe ByteView(base: scratch + start, count: count)
    }

    /// Loads the record that a scanner found at this place.
    ///
    /// - Throws: `CSVError` with `.readFailed` if the file is no longer the one that was scanned.
    package mutating func load(offset: UInt64, bytes: Int) throws(CSVError) {
        if bytes > capacity { grow(to: bytes) }
        try fetch(offset, bytes)
        previousEnd = offset + UInt64(bytes)
        guard case .record = unsafe parser.parse(scratch, from: 0, to: bytes, isLast: true) else {
            throw CSVError(.readFailed, detail: "the file changed while it was read")
        }
        _ = unsafe parser.unescape(scratch)
    }

    private mutating func fetch(_ offset: UInt64, _ bytes: Int) throws(CSVError) {
        if !holds(offset, bytes) {
            guard offset == previousEnd && bytes <= Self.windowBytes else {
                let target = unsafe UnsafeMutableRawBufferPointer(start: scratch, count: bytes)
                guard try unsafe file.read(into: target, at: offset) == bytes else { throw Self.cut }
                return
            }
            windowOffset = offset
            let target = unsafe UnsafeMutableRawBufferPointer(start: window, count: Self.windowBytes)
            windowFilled = try unsafe file.read(into: target, at: offset)
            guard holds(offset, bytes) else { throw Self.cut }
        }
        unsafe memcpy(scratch, window + Int(offset - windowOffset), bytes)
    }

    private func holds(_ offset: UInt64, _ bytes: Int) -> Bool {
        offset >= windowOffset && offset + UInt64(bytes) <= windowOffset + UInt64(windowFilled)
    }

    private mutating func grow(to bytes: Int) {
        unsafe free(scratch)
        capacity = bytes * 2
        unsafe scratch = RecordParser.zeroed(capacity)
    }

    private static var cut: CSVError { CSVError(.readFailed, detail: "the file became shorter while it was read") }
}
