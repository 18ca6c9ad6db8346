import Glibc

/// Finds the fields of one record in a buffer.
///
/// Four bytes matter to CSV: comma, quote, LF and CR. All are below 0x2D and nearly nothing else in a roster is (a
/// blank now and then), so one comparison on eight bytes at a time finds the few that need a look. That is a fraction
/// of the cost of a look at each byte, needs no vector instructions, and stays quick in debug builds, where Swift's
/// SIMD types are not.
///
/// The parser only notes positions: a record that turns out to be incomplete is simply parsed again when more bytes are
/// there, so nothing may be changed before its end is seen. Doubled quotes are undone by ``unescape(_:)`` afterwards,
/// in place.
@safe
struct RecordParser: ~Copyable {
    /// What a look at the buffer found.
    enum Outcome {
        /// A whole record; the next one starts at `next`.
        case record(next: Int)
        /// A line with nothing on it.
        case blankLine(next: Int)
        /// The buffer ends inside the record; the field at its end has `fieldBytes` so far.
        case incomplete(fieldBytes: Int)
        /// The bytes can be no record.
        case malformed(CSVError.Code)
    }

    private enum FieldFlag {
        static let escaped: UInt32 = 1 << 31
        static let quoted: UInt32 = 1 << 30
        static let mask: UInt32 = (1 << 30) - 1
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let lowBits: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
    private static let highBits: UInt64 = 0x8080_8080_8080_8080
    /// 0x80 - 0x2D in each byte: the sum's high bit tells whether the byte is 0x2D or more.
    private static let belowDash: UInt64 = 0x53 &* ones

    private let starts: UnsafeMutablePointer<UInt32>
    private let lengths: UnsafeMutablePointer<UInt32>
    private let limits: CSVLimits

    /// Fields of the last record.
    private(set) var count = 0

    /// Whether an unquoted field of the last record holds a quote; it is kept as it stands.
    private(set) var hasStrayQuote = false

    private var hasQuoted = false

    init(limits: CSVLimits) {
        unsafe starts = .allocate(capacity: limits.fields)
        unsafe lengths = .allocate(capacity: limits.fields)
        self.limits = limits
    }

    deinit {
        unsafe starts.deallocate()
        unsafe lengths.deallocate()
    }

    /// A buffer of zeros with the eight bytes behind its end that ``parse(_:from:to:isLast:)`` may look at; release it
    /// with `free`.
    ///
    /// From the system, since pages that are never touched then cost neither time nor memory.
    static func zeroed(_ capacity: Int) -> UnsafeMutablePointer<UInt8> {
        guard let block = unsafe calloc(capacity + 8, 1) else { preconditionFailure("no memory for \(capacity) bytes") }
        return unsafe block.bindMemory(to: UInt8.self, capacity: capacity + 8)
    }

    /// Where a field starts in the buffer and how long it is.
    @inline(__always)
    func bounds(of field: Int) -> (start: Int, count: Int) {
        unsafe (Int(starts[field]), Int(lengths[field] & FieldFlag.mask))
    }

    /// Parses one record from `start`.
    ///
    /// - Precondition: eight readable bytes stand behind `end`, of any value.
    mutating func parse(_ bytes: UnsafePointer<UInt8>, from start: Int, to end: Int, isLast: Bool) -> Outcome {
        count = 0
        hasStrayQuote = false
        hasQuoted = false
        let raw = unsafe UnsafeRawPointer(bytes)
        var fieldStart = start
        var position = start
        scanning: while position < end {
            let word = unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            var hits = ~(((word & Self.lowBits) &+ Self.belowDash) | word) & Self.highBits
            while hits != 0 {
                let at = position &+ (hits.trailingZeroBitCount &>> 3)
                if at >= end { break scanning }
                hits &= hits &- 1
                let byte = unsafe bytes[at]
                if byte == 0x2C {
                    guard add(fieldStart, at &- fieldStart) else { return .malformed(overflow(at &- fieldStart)) }
                    fieldStart = at &+ 1
                } else if byte == 0x0A || byte == 0x0D {
                    if at == start { return unsafe lineEnd(bytes, at: at, end: end, isLast: isLast, blank: true) }
                    guard add(fieldStart, at &- fieldStart) else { return .malformed(overflow(at &- fieldStart)) }
                    return unsafe lineEnd(bytes, at: at, end: end, isLast: isLast, blank: false)
                } else if byte == 0x22 {
                    if at != fieldStart {
                        hasStrayQuote = true
                        continue
                    }
                    switch unsafe quoted(bytes, at: at, end: end, isLast: isLast) {
                    case .next(let next):
                        fieldStart = next
                        position = next
                        if next == end { break scanning }
                        continue scanning
                    case .ended(let outcome): return outcome
                    }
                }
            }
            position &+= 8
        }
        guard isLast else { return .incomplete(fieldBytes: end - fieldStart) }
        guard add(fieldStart, end - fieldStart) else { return .malformed(overflow(end - fieldStart)) }
        return .record(next: end)
    }

    private enum QuotedOutcome {
        case next(Int)
        case ended(Outcome)
    }

    /// Takes the quoted field whose opening quote stands at `opening`.
    private mutating func quoted(
        _ bytes: UnsafePointer<UInt8>, at opening: Int, end: Int, isLast: Bool
    ) -> QuotedOutcome {
        hasQuoted = true
        var flags = FieldFlag.quoted
        var from = opening + 1
        while true {
            guard from < end, let hit = unsafe memchr(bytes + from, 0x22, end - from) else {
                return .ended(isLast ? .malformed(.unterminatedQuote) : .incomplete(fieldBytes: end - opening))
            }
            let close = unsafe UnsafeRawPointer(hit) - UnsafeRawPointer(bytes)
            if close + 1 == end {
                guard isLast else { return .ended(.incomplete(fieldBytes: end - opening)) }
                guard add(opening + 1, close - opening - 1, flags) else {
                    return .ended(.malformed(overflow(close - opening)))
                }
                return .ended(.record(next: end))
            }
            let following = unsafe bytes[close + 1]
            if following == 0x22 {
                flags |= FieldFlag.escaped
                from = close + 2
                continue
            }
            guard following == 0x2C || following == 0x0A || following == 0x0D else {
                return .ended(.malformed(.textAfterQuote))
            }
            guard add(opening + 1, close - opening - 1, flags) else {
                return .ended(.malformed(overflow(close - opening)))
            }
            if following == 0x2C { return .next(close + 2) }
            return .ended(unsafe lineEnd(bytes, at: close + 1, end: end, isLast: isLast, blank: false))
        }
    }

    private func lineEnd(
        _ bytes: UnsafePointer<UInt8>, at: Int, end: Int, isLast: Bool, blank: Bool
    ) -> Outcome {
        var next = at + 1
        if unsafe bytes[at] == 0x0D {
            if next == end && !isLast { return .incomplete(fieldBytes: 0) }
            if unsafe next < end && bytes[next] == 0x0A { next += 1 }
        }
        return blank ? .blankLine(next: next) : .record(next: next)
    }

    @inline(__always)
    private mutating func add(_ start: Int, _ length: Int, _ flags: UInt32 = 0) -> Bool {
        guard count < limits.fields && length <= limits.fieldBytes else { return false }
        unsafe starts[count] = UInt32(truncatingIfNeeded: start)
        unsafe lengths[count] = UInt32(truncatingIfNeeded: length) | flags
        count &+= 1
        return true
    }

    private func overflow(_ length: Int) -> CSVError.Code {
        length > limits.fieldBytes ? .fieldTooLong : .tooManyFields
    }

    /// Undoes doubled quotes of the last record in place and counts the line ends inside its quoted fields.
    ///
    /// - Returns: how many line ends stand inside fields.
    mutating func unescape(_ bytes: UnsafeMutablePointer<UInt8>) -> Int {
        guard hasQuoted else { return 0 }
        var lines = 0
        for field in 0..<count {
            let flags = unsafe lengths[field]
            guard flags & FieldFlag.quoted != 0 else { continue }
            let (start, length) = bounds(of: field)
            lines += unsafe Self.lineEnds(bytes + start, length)
            if flags & FieldFlag.escaped != 0 {
                let kept = unsafe Self.collapse(bytes + start, length)
                unsafe lengths[field] = UInt32(kept) | FieldFlag.quoted
            }
        }
        return lines
    }

    private static func lineEnds(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> Int {
        var lines = 0
        for index in 0..<length {
            let byte = unsafe bytes[index]
            let endsLine = unsafe byte == 0x0A || (byte == 0x0D && (index + 1 == length || bytes[index + 1] != 0x0A))
            lines += endsLine ? 1 : 0
        }
        return lines
    }

    private static func collapse(_ bytes: UnsafeMutablePointer<UInt8>, _ length: Int) -> Int {
        var kept = 0
        var from = 0
        while from < length {
            let byte = unsafe bytes[from]
            unsafe bytes[kept] = byte
            kept += 1
            from += byte == 0x22 ? 2 : 1
        }
        return kept
    }
}
