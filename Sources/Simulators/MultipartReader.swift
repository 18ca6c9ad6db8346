import Glibc

/// Takes a `multipart/form-data` body apart while it arrives.
///
/// Pure: bytes go in, events come out, and what is kept is never more than one chunk and one boundary. The parts of a
/// file are handed on as they come, so that an upload of gigabytes needs no memory.
/// - SeeAlso: RFC 7578, RFC 2046 section 5.1.
struct MultipartReader: Sendable {
    struct Part: Sendable, Equatable {
        var name: String
        var fileName: String?
    }

    enum Event: Sendable, Equatable {
        case begin(Part)
        case bytes([UInt8])
        case end
    }

    private enum State {
        case preamble
        case headers
        case content
        case epilogue
    }

    /// The largest header of a part, in bytes.
    static let headerLimit = 16 << 10

    private let delimiter: [UInt8]
    private var state = State.preamble
    private var pending: [UInt8]

    /// - Parameter boundary: As it stands in the `Content-Type` header, without quotes.
    init(boundary: String) {
        delimiter = Array("\r\n--\(boundary)".utf8)
        // The first delimiter may stand at the very beginning, where no line break precedes it.
        pending = [13, 10]
    }

    /// Whether the closing delimiter has been seen.
    var isComplete: Bool { state == .epilogue }

    /// The boundary of a content type, or nothing if it is no multipart form.
    static func boundary(of contentType: String) -> String? {
        let pieces = contentType.split(separator: ";").map { $0.drop { $0 == " " } }
        guard pieces.first?.lowercased() == "multipart/form-data" else { return nil }
        guard let piece = pieces.first(where: { $0.lowercased().hasPrefix("boundary=") }) else { return nil }
        let value = String(piece.dropFirst("boundary=".count).filter { $0 != "\"" })
        return value.isEmpty ? nil : value
    }

    /// - Throws: `SimulatorError` with `.malformedUpload`.
    mutating func feed(_ bytes: [UInt8]) throws(SimulatorError) -> [Event] {
        pending.append(contentsOf: bytes)
        var events: [Event] = []
        while try step(&events) {}
        return events
    }

    /// Takes one piece from what is pending; false if more bytes are needed.
    private mutating func step(_ events: inout [Event]) throws(SimulatorError) -> Bool {
        switch state {
        case .preamble, .content: return takeContent(&events)
        case .headers: return try takeHeaders(&events)
        case .epilogue:
            pending.removeAll()
            return false
        }
    }

    private mutating func takeContent(_ events: inout [Event]) -> Bool {
        let (end, isDelimiter) = findDelimiter()
        if end > 0 {
            if state == .content { events.append(.bytes(Array(pending[..<end]))) }
            pending.removeFirst(end)
        }
        // After the delimiter two bytes tell whether another part follows.
        guard isDelimiter, pending.count >= delimiter.count + 2 else { return false }
        if state == .content { events.append(.end) }
        let isLast = pending[delimiter.count] == 45 && pending[delimiter.count + 1] == 45
        pending.removeFirst(delimiter.count + (isLast ? 2 : 0))
        state = isLast ? .epilogue : .headers
        return true
    }

    /// Where the next delimiter begins, or where it might begin when more bytes arrive.
    private func findDelimiter() -> (offset: Int, isComplete: Bool) {
        pending.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return (0, false) }
            var start = 0
            while start < bytes.count {
                guard let found = memchr(base + start, 13, bytes.count - start) else { return (bytes.count, false) }
                let offset = base.distance(to: found)
                let length = min(delimiter.count, bytes.count - offset)
                let isSame = delimiter.withUnsafeBytes { wanted in
                    wanted.baseAddress.map { memcmp(found, $0, length) == 0 } ?? false
                }
                if isSame { return (offset, length == delimiter.count) }
                start = offset + 1
            }
            return (bytes.count, false)
        }
    }

    private mutating func takeHeaders(_ events: inout [Event]) throws(SimulatorError) -> Bool {
        guard let end = pending.indices.dropLast(3).first(where: { pending[$0...].starts(with: [13, 10, 13, 10]) })
        else {
            guard pending.count <= MultipartReader.headerLimit else {
                throw SimulatorError(
                    .malformedUpload, operation: "read the header of a part",
                    remedy: "A header may have at most \(MultipartReader.headerLimit) bytes.")
            }
            return false
        }
        let lines = String(decoding: pending[..<end], as: UTF8.self).split(separator: "\r\n")
        pending.removeFirst(end + 4)
        let disposition = lines.first { $0.lowercased().hasPrefix("content-disposition:") } ?? ""
        guard let name = MultipartReader.parameter("name", of: disposition) else {
            throw SimulatorError(
                .malformedUpload, operation: "read the header of a part", remedy: "Each part must have a name.")
        }
        events.append(.begin(Part(name: name, fileName: MultipartReader.parameter("filename", of: disposition))))
        state = .content
        return true
    }

    /// A parameter in quotes; a quote inside it is escaped by a backslash, or by `%22` as browsers do.
    static func parameter(_ name: String, of line: some StringProtocol) -> String? {
        guard let range = line.firstRange(of: " \(name)=\"") ?? line.firstRange(of: ";\(name)=\"") else { return nil }
        var value = ""
        var isEscaped = false
        for character in line[range.upperBound...] {
            if isEscaped {
                value.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                return value
            } else {
                value.append(character)
            }
        }
        return nil
    }
}
