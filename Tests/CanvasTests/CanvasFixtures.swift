import Canvas
import Curl
import Foundation
import Logging
import NIOConcurrencyHelpers
import Simulators

/// A simulated Canvas and a client to it, for one test.
struct CanvasBench: Sendable {
    let simulator: CanvasSimulator
    let canvas: CanvasClient
    /// A folder of the test's own.
    let folder: String
    let rateLimits: NIOLockedValueBox<[CanvasRateLimit]>

    static func run(
        token: String = "simulator-token",
        _ configure: (inout CanvasSettings) -> Void = { _ in },
        client: @escaping @Sendable (inout CanvasConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (CanvasBench) async throws -> Void
    ) async throws {
        var settings = CanvasSettings()
        settings.errorsFileDelay = .zero
        settings.restAfterAbort = .zero
        configure(&settings)
        var logger = Logger(label: "canvas.test")
        logger.logLevel = .error
        let quiet = logger
        let simulator = try CanvasSimulator(settings: settings, logger: quiet)
        let folder = FileManager.default.temporaryDirectory.appending(path: "canvas-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await simulator.whileServing { address in
            let http = CurlClient(logger: quiet)
            defer { http.shutdown() }
            guard var configuration = CanvasConfiguration(baseURL: address) else { throw Unexpected(what: address) }
            client(&configuration)
            let rateLimits = NIOLockedValueBox<[CanvasRateLimit]>([])
            let canvas = CanvasClient(configuration: configuration, http: http, logger: quiet) { limit in
                rateLimits.withLockedValue { $0.append(limit) }
            } token: {
                token
            }
            let bench = CanvasBench(simulator: simulator, canvas: canvas, folder: folder.path(), rateLimits: rateLimits)
            try await body(bench)
        }
    }

    /// Uploads rows as one CSV file.
    func upload(_ rows: String, options: SISImportOptions = SISImportOptions()) async throws -> SISImport {
        let path = folder + "/upload.csv"
        try Data(rows.utf8).write(to: URL(filePath: path))
        return try await canvas.createSISImport(
            file: path, fileName: "batch-7.csv", contentType: .csv, options: options)
    }

    /// Polls until the import is over, and its errors have appeared if it has any.
    func finished(_ id: String) async throws -> SISImport {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let current = try await canvas.sisImport(id)
            let isWhole = current.state == .imported || current.errorsAttachment != nil || current.state == .aborted
            if current.state.isTerminal, isWhole { return current }
            guard ContinuousClock.now < deadline else { throw Unexpected(what: "still \(current.state.name)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

struct Unexpected: Error {
    let what: String
}

/// The error of a call that must fail.
func failure(_ body: () async throws -> some Any) async throws -> CanvasError {
    do {
        _ = try await body()
    } catch let error as CanvasError {
        return error
    }
    throw Unexpected(what: "the call did not fail")
}

func collected<Element>(_ pages: CanvasPages<Element>) async throws -> [Element] {
    var all: [Element] = []
    for try await element in pages { all.append(element) }
    return all
}

/// An answer of Canvas, recorded by others; see Fixtures/NOTICE.md.
func recorded(_ name: String) throws -> [UInt8] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    return try Array(Data(contentsOf: folder.appending(path: name)))
}
