/// Rows of text with their columns set right, but for the first.
struct TextTable {
    private var rows: [[String]]

    init(_ columns: [String]) {
        rows = [columns]
    }

    mutating func add(_ row: [String]) {
        rows.append(row)
    }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// A number to three digits or so, as people read it: `13 800`, `3.27`, `0.034`; a dash for none.
    static func cell(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "-" }
        let size = abs(value)
        if size == 0 { return "0" }
        if size >= 100 { return grouped(Int(value.rounded())) }
        let places = size >= 10 ? 1 : size >= 0.1 ? 2 : 4
        return fixed(value, places: places)
    }

    private static func grouped(_ value: Int) -> String {
        var digits = String(abs(value))
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: " ")
    }

    private static func fixed(_ value: Double, places: Int) -> String {
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let rest = String(scaled % scale)
        let zeros = String(repeating: "0", count: places - rest.count)
        return "\(value < 0 ? "-" : "")\(scaled / scale).\(zeros)\(rest)"
    }
}
