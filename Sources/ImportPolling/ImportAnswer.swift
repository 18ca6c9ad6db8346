import Canvas
import FoundationEssentials

/// Canvas's last answer about an import, kept in Canvas's own shape; its messages are at most 25 by Canvas's doing.
enum ImportAnswer {
    private struct Shape: Encodable {
        struct Numbers: Encodable {
            let counts: [String: Int]
            let statistics: [String: [String: Int]]
        }

        let id: String
        let workflowState: String
        let progress: Int
        let data: Numbers
        let processingErrors: [[String?]]
        let processingWarnings: [[String?]]
    }

    static func json(of answer: SISImport) -> String {
        let shape = Shape(
            id: answer.id, workflowState: answer.state.name, progress: answer.progress,
            data: .init(counts: answer.counts, statistics: answer.statistics.changes),
            processingErrors: answer.errors.map { [$0.file, $0.text] },
            processingWarnings: answer.warnings.map { [$0.file, $0.text] })
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = .sortedKeys
        // Nothing in it can fail to encode; an empty object would only lose what the page shows beside the counts.
        return (try? encoder.encode(shape)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
