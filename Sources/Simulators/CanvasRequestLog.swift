import FoundationEssentials

/// What a simulated Canvas was asked, so that a test can say what it received, and how often.
package struct CanvasRequestLog: Sendable {
    /// One request and what became of it.
    package struct Entry: Sendable, Equatable {
        package let number: Int
        package let time: String
        package let method: String
        /// With the query.
        package let path: String
        /// The status of the answer; nothing while there is none, and for ever if the connection was cut.
        package var status: Int?
        /// Bytes of the file that was uploaded.
        package var bytes: Int?
        /// Of the file that was uploaded, in lower-case hexadecimal digits.
        package var sha256: String?
        package var fileName: String?
        package var importID: Int?
    }

    package private(set) var entries: [Entry] = []
    private let limit: Int
    private var lastNumber = 0

    init(limit: Int) {
        self.limit = limit
    }

    mutating func begin(method: String, path: String, now: Date) -> Int {
        lastNumber += 1
        entries.append(Entry(number: lastNumber, time: now.canvasText, method: method, path: path))
        // Halving costs little; dropping one by one would move all the others each time.
        if entries.count > limit { entries.removeFirst(entries.count - limit / 2) }
        return lastNumber
    }

    mutating func change(_ number: Int, _ body: (inout Entry) -> Void) {
        guard let index = entries.lastIndex(where: { $0.number == number }) else { return }
        body(&entries[index])
    }

    var json: JSON {
        .object([
            (
                "requests",
                .array(
                    entries.map { entry in
                        .object([
                            ("number", .int(entry.number)), ("time", .string(entry.time)),
                            ("method", .string(entry.method)), ("path", .string(entry.path)),
                            ("status", JSON(entry.status)), ("bytes", JSON(entry.bytes)),
                            ("sha256", JSON(entry.sha256)), ("file_name", JSON(entry.fileName)),
                            ("import_id", JSON(entry.importID)),
                        ])
                    })
            )
        ])
    }
}
