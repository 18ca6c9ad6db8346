import Glibc

/// Writes CSV (RFC 4180) through a buffer: commas, LF line ends, quotes only where a field needs them.
///
/// Legal order: fields, then ``endRecord()``, again and again; at last ``finish()``, without which the rest of the
/// buffer is lost.
@safe
package struct CSVWriter: ~Copyable {
    /// Takes bytes that are ready; called for each full buffer and at the end.
    package typealias Sink = (UnsafeRawBufferPointer) throws -> Void

    private let sink: Sink
    private let buffer: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    private var joinBuffer: UnsafeMutablePointer<UInt8>
    private var joinCapacity = 512
    private var filled = 0
    private var isAtRecordStart = true

    /// Records ended so far, the header among them.
    package private(set) var recordCount = 0

    /// Bytes written so far, those still in the buffer among them.
    package private(set) var byteCount: UInt64 = 0

    /// Writes to a sink through a buffer of `bufferBytes` (default 256 KiB).
    package init(bufferBytes: Int = 256 << 10, sink: @escaping Sink) {
        unsafe self.sink = unsafe sink
        capacity = max(bufferBytes, 64)
        unsafe buffer = .allocate(capacity: capacity)
        unsafe joinBuffer = .allocate(capacity: joinCapacity)
    }

    /// Writes to a new file; one that is there is replaced.
    ///
    /// - Throws: `CSVError` with `.writeFailed`.
    package init(path: String) throws(CSVError) {
        let file = try OutputFile(path: path)
        unsafe self.init { try unsafe file.write($0) }
    }

    deinit {
        unsafe buffer.deallocate()
        unsafe joinBuffer.deallocate()
    }

    /// Appends one field made of up to three runs of bytes, such as family name, comma and given name.
    package mutating func joined(_ first: ByteView, _ second: ByteView, _ third: ByteView? = nil) throws {
        let thirdCount = unsafe third?.count ?? 0
        let count = unsafe first.count + second.count + thirdCount
        if count > joinCapacity {
            unsafe joinBuffer.deallocate()
            joinCapacity = count * 2
            unsafe joinBuffer = .allocate(capacity: joinCapacity)
        }
        unsafe memcpy(joinBuffer, first.base, first.count)
        unsafe memcpy(joinBuffer + first.count, second.base, second.count)
        if let third = unsafe third { unsafe memcpy(joinBuffer + first.count + second.count, third.base, third.count) }
        try unsafe field(ByteView(base: joinBuffer, count: count))
    }

    /// Appends a field, quoted if it holds a comma, a quote, a line end, or a blank at either end.
    ///
    /// - Throws: `CSVError` with `.nulByte`, or what the sink throws.
    package mutating func field(_ bytes: ByteView) throws {
        try beginField()
        guard try unsafe needsQuotes(bytes) else { return try unsafe append(bytes) }
        try appendByte(0x22)
        var from = 0
        while let quote = unsafe bytes.firstIndex(of: 0x22, from: from) {
            try unsafe append(bytes.slice(from: from, to: quote + 1))
            try appendByte(0x22)
            from = quote + 1
        }
        try unsafe append(bytes.slice(from: from, to: bytes.count))
        try appendByte(0x22)
    }

    /// Appends a field of text.
    package mutating func field(_ text: String) throws {
        var text = text
        try text.withUTF8 { bytes in
            guard let base = bytes.baseAddress else { return try beginField() }
            try unsafe field(ByteView(base: base, count: bytes.count))
        }
    }

    /// Appends a field of text that is known to need no quotes.
    package mutating func plain(_ text: StaticString) throws {
        try beginField()
        try unsafe append(ByteView(base: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a field without looking at its bytes: for ids that were looked at before.
    package mutating func plain(_ bytes: ByteView) throws {
        try beginField()
        try unsafe append(bytes)
    }

    /// Appends an empty field.
    package mutating func blank() throws {
        try beginField()
    }

    /// Appends a whole number.
    package mutating func field(_ number: Int) throws {
        try field(String(number))
    }

    /// Appends a record of text: a header, or a row of a small file.
    package mutating func record(_ fields: [String]) throws {
        for text in fields { try field(text) }
        try endRecord()
    }

    /// Ends the record.
    package mutating func endRecord() throws {
        try appendByte(0x0A)
        recordCount += 1
        isAtRecordStart = true
    }

    /// Hands the rest to the sink. The writer may go on afterwards.
    package mutating func finish() throws {
        guard filled > 0 else { return }
        let ready = filled
        filled = 0
        try unsafe sink(UnsafeRawBufferPointer(start: buffer, count: ready))
    }

    private mutating func beginField() throws {
        if isAtRecordStart {
            isAtRecordStart = false
        } else {
            try appendByte(0x2C)
        }
    }

    private mutating func appendByte(_ byte: UInt8) throws {
        if filled == capacity { try finish() }
        unsafe buffer[filled] = byte
        filled &+= 1
        byteCount &+= 1
    }

    private mutating func append(_ bytes: ByteView) throws {
        let count = unsafe bytes.count
        guard count > 0 else { return }
        if filled + count > capacity { try finish() }
        byteCount &+= UInt64(count)
        guard count <= capacity else {
            return try unsafe sink(UnsafeRawBufferPointer(start: bytes.base, count: count))
        }
        unsafe memcpy(buffer + filled, bytes.base, count)
        filled &+= count
    }

    /// Comma, quote, line ends and NUL are all below 0x2D, as few other bytes of a roster are: words of eight are
    /// passed at once.
    private func needsQuotes(_ bytes: ByteView) throws -> Bool {
        let count = unsafe bytes.count
        guard count > 0 else { return false }
        let raw = unsafe UnsafeRawPointer(bytes.base)
        var needs = unsafe bytes[0] == 0x20 || bytes[count - 1] == 0x20
        var position = 0
        while position < count {
            if position &+ 8 <= count {
                let word = unsafe raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                let low = ~(((word & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x5353_5353_5353_5353) | word) & 0x8080_8080_8080_8080
                if low == 0 {
                    position &+= 8
                    continue
                }
            }
            let byte = unsafe bytes[position]
            if byte < 0x2D {
                guard byte != 0 else {
                    throw CSVError(.nulByte, record: recordCount + 1, detail: "a field holds a NUL")
                }
                needs = needs || byte == 0x2C || byte == 0x22 || byte == 0x0A || byte == 0x0D
            }
            position &+= 1
        }
        return needs
    }
}
