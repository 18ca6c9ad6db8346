/// What a running import holds: its files, where the reading stands, and what has come of the rows so far.
///
/// Made by `open`, then each chunk is applied once, in order. It reads every file twice: first to judge it as a whole
/// (header, quoting, encoding) and to count its rows, then chunk by chunk to apply it.
struct CanvasImportWork: Sendable {
    private struct Source: Sendable {
        var name: String
        var path: String
        var type: CanvasCSVType
        var rows: Int
    }

    private struct Chunk: Sendable {
        var source: Int
        var rows: Int
    }

    let plan: CanvasImportPlan
    let attachments: [CanvasImport.Attachment]
    private let sources: [Source]
    private let chunks: [Chunk]
    private var importer: CanvasRowImporter
    private var reader: CanvasCSVReader?
    private var columns: [String: Int] = [:]
    private var openSource = -1

    /// Ids of an import's files: a thousand for each import.
    static func fileID(of importID: Int, _ index: Int) -> Int { importID * 1000 + index }
    static let errorsFileIndex = 999

    /// Looks through the files of an import.
    ///
    /// - Throws: `SimulatorError` with `.unreadableArchive` or `.fileSystem`: the import crashes.
    init(_ record: CanvasImport, upload: CanvasImport.Upload, folder: String) throws {
        let found = try CanvasUploadFiles.unpack(upload, into: folder)
        var importer = CanvasRowImporter(options: record.options)
        for name in found.skipped { importer.warn("Skipping unknown file type", file: name, row: nil) }
        if let notPlayed = record.options.notPlayed { importer.warn(notPlayed, file: nil, row: nil) }
        var sources: [Source] = []
        var attachments: [CanvasImport.Attachment] = []
        for (index, file) in found.files.enumerated() {
            guard let bytes = FileSystem.size(of: file.path), bytes > 0 else { continue }
            attachments.append(
                .init(id: Self.fileID(of: record.id, index), name: file.name, path: file.path, bytes: bytes))
            if let source = try CanvasImportWork.look(file.name, file.path, &importer) { sources.append(source) }
        }
        self.sources = sources.enumerated().sorted {
            ($0.element.type.rawValue, $0.offset) < ($1.element.type.rawValue, $1.offset)
        }.map(\.element)
        let rows = self.sources.reduce(0) { $0 + $1.rows }
        let size = CanvasImportWork.chunkSize(rows: rows)
        chunks = self.sources.enumerated().flatMap { index, source in
            guard source.type.isPlayed else { return [Chunk]() }
            return stride(from: 0, to: source.rows, by: size).map { first in
                Chunk(source: index, rows: min(size, source.rows - first))
            }
        }
        var names: [String] = []
        for source in self.sources where !names.contains(source.type.name) { names.append(source.type.name) }
        plan = CanvasImportPlan(suppliedBatches: names, rows: rows, chunkRows: chunks.map(\.rows))
        self.importer = importer
        self.attachments = attachments
    }

    /// How many rows a chunk has at most.
    static func chunkSize(rows: Int) -> Int { min(1000, max(100, (rows + 98) / 99)) }

    /// Judges one file as a whole; a file with a fault in it is not imported at all.
    private static func look(_ name: String, _ path: String, _ importer: inout CanvasRowImporter) throws -> Source? {
        var reader = try CanvasCSVReader(path: path)
        defer { reader.closeFile() }
        do {
            guard try reader.readRecord() else { return nil }
            let header = Set((0..<reader.fieldCount).compactMap { reader.field($0)?.lowercased() })
            let type = CanvasCSVType.detect(header)
            var rows = 0
            while try reader.readRecord() {
                if !reader.isEmptyRecord { rows += 1 }
            }
            guard let type else {
                importer.fail("Couldn't find Canvas CSV import headers", file: name, row: nil)
                return nil
            }
            if !type.isPlayed {
                importer.warn("The simulator does not play files of type \(type.name)", file: name, row: nil)
            }
            return Source(name: name, path: path, type: type, rows: rows)
        } catch CanvasCSVReader.Malformed.encoding {
            importer.fail("Invalid UTF-8", file: name, row: nil)
        } catch CanvasCSVReader.Malformed.quoting(let row) {
            importer.fail("Malformed CSV", file: name, row: row)
        }
        return nil
    }

    /// Applies one chunk to the roster.
    ///
    /// - Throws: `SimulatorError` with `.fileSystem`.
    mutating func apply(chunk number: Int, to roster: inout CanvasRoster) throws {
        let chunk = chunks[number]
        if chunk.source != openSource { try open(source: chunk.source) }
        let source = sources[chunk.source]
        var done = 0
        while done < chunk.rows, try reader?.readRecord() == true {
            guard let reader, !reader.isEmptyRecord else { continue }
            importer.apply(.init(reader: reader, columns: columns), of: source.type, file: source.name, to: &roster)
            done += 1
        }
        importer.endChunk(&roster)
    }

    private mutating func open(source number: Int) throws {
        close()
        var opened = try CanvasCSVReader(path: sources[number].path)
        _ = try opened.readRecord()
        // Canvas does not trim the names here, though it does to detect the type: " user_id" is then never found.
        columns = [:]
        for index in (0..<opened.fieldCount).reversed() { columns[opened.rawField(index).lowercased()] = index }
        reader = opened
        openSource = number
    }

    /// Closes what is open; to be called at the end, and after an abort.
    mutating func close() {
        reader?.closeFile()
        reader = nil
        openSource = -1
    }

    var result: CanvasImportResult { importer.result }
}
