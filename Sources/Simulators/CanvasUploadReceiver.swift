import Crypto
import Glibc
import Hummingbird
import NIOCore

/// Takes an upload from the network to a scratch file, with bounded memory.
struct CanvasUploadReceiver {
    /// What a body held: the parameters of its form, and its file.
    struct Received {
        var fields: [String: String] = [:]
        var upload: CanvasImport.Upload?
    }

    /// The largest field of a form, in bytes.
    static let fieldLimit = 64 << 10

    let path: String
    let limit: Int

    /// - Throws: `SimulatorError` with `.malformedUpload`, `.uploadTooLarge` or `.fileSystem`.
    func receive(_ request: Request, extension given: String?) async throws -> Received {
        let contentType = request.headers[.contentType] ?? ""
        if let boundary = MultipartReader.boundary(of: contentType) {
            return try await receiveForm(request.body, boundary: boundary)
        }
        let fileExtension = given ?? CanvasUploadReceiver.fileExtension(of: contentType)
        var file = try UploadFile(path: path, limit: limit)
        defer { file.closeFile() }
        for try await chunk in request.body { try file.append(Array(chunk.readableBytesView)) }
        guard file.bytes > 0 else { return Received() }
        return Received(upload: file.upload(fileName: "sis_import.\(fileExtension)"))
    }

    private func receiveForm(_ body: RequestBody, boundary: String) async throws -> Received {
        var reader = MultipartReader(boundary: boundary)
        var received = Received()
        var part: MultipartReader.Part?
        var value: [UInt8] = []
        var file: UploadFile?
        defer { file?.closeFile() }
        for try await chunk in body {
            for event in try reader.feed(Array(chunk.readableBytesView)) {
                switch event {
                case .begin(let begun):
                    part = begun
                    value = []
                    if begun.name == "attachment", begun.fileName != nil {
                        file = try UploadFile(path: path, limit: limit)
                    }
                case .bytes(let bytes) where part?.fileName != nil && part?.name == "attachment":
                    try file?.append(bytes)
                case .bytes(let bytes):
                    value += bytes
                    guard value.count <= CanvasUploadReceiver.fieldLimit else { throw tooLarge("a form field") }
                case .end:
                    if let part, part.name == "attachment", let fileName = part.fileName {
                        received.upload = file?.upload(fileName: fileName)
                    } else if let part {
                        received.fields[part.name] = String(decoding: value, as: UTF8.self)
                    }
                    part = nil
                }
            }
        }
        guard reader.isComplete else {
            throw SimulatorError(
                .malformedUpload, operation: "read a multipart body",
                remedy: "Send the closing boundary; the body broke off before it.")
        }
        return received
    }

    private func tooLarge(_ what: String) -> SimulatorError {
        SimulatorError(.uploadTooLarge, operation: "read \(what)", remedy: "Send less, or raise the limit.")
    }

    /// The kind of a raw body, as Canvas guesses it.
    static func fileExtension(of contentType: String) -> String {
        switch contentType.split(separator: ";").first?.lowercased() ?? "" {
        case "text/csv", "text/plain": "csv"
        case "text/xml", "application/xml": "xml"
        default: "zip"
        }
    }
}

/// A file that grows while its sum is taken.
private struct UploadFile {
    private let path: String
    private let descriptor: Int32
    private let limit: Int
    private var hash = SHA256()
    private(set) var bytes = 0

    init(path: String, limit: Int) throws {
        self.path = path
        self.limit = limit
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileSystem.error("create \(path)") }
    }

    func closeFile() {
        close(descriptor)
    }

    mutating func append(_ chunk: [UInt8]) throws {
        bytes += chunk.count
        guard bytes <= limit else {
            throw SimulatorError(
                .uploadTooLarge, operation: "receive an upload", remedy: "Send at most \(limit) bytes.")
        }
        hash.update(data: chunk)
        try chunk.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw FileSystem.error("write \(path)") }
                rest = rest.dropFirst(count)
            }
        }
    }

    func upload(fileName: String) -> CanvasImport.Upload {
        let digits = Array("0123456789abcdef")
        let sum = String(hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        let fileExtension = fileName.split(separator: ".").last.map { $0.lowercased() } ?? ""
        return CanvasImport.Upload(
            path: path, fileName: fileName, fileExtension: fileExtension, bytes: bytes, sha256: sum)
    }
}
