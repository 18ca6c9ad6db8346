import HTTPTypes
import Hummingbird

/// Pages with a `Link` header, without the address of the last page, as SIS imports have them.
enum CanvasPaging {
    static let defaultSize = 10
    static let largestSize = 100

    /// Where the client thinks the server is.
    static func baseURL(of request: Request) -> String { "http://\(request.head.authority ?? "127.0.0.1")" }

    static func answer<Item>(
        _ request: Request, name: String?, _ items: [Item], _ json: (Item) -> JSON
    ) -> Response {
        let query = request.uri.queryParameters
        let size = min(largestSize, max(1, query["per_page"].flatMap { Int($0) } ?? defaultSize))
        let page = min(max(1, query["page"].flatMap { Int($0) } ?? 1), 1_000_000)
        let values = JSON.array(items.dropFirst((page - 1) * size).prefix(size).map(json))
        var response = CanvasAnswers.json(name.map { .object([($0, values)]) } ?? values)
        var links = [("current", page), ("first", 1)]
        if page * size < items.count { links.append(("next", page + 1)) }
        if page > 1 { links.append(("prev", page - 1)) }
        let kept = query.filter { $0.key != "page" && $0.key != "per_page" }
            .map { "\(escaped($0.key))=\(escaped($0.value))" }
        response.headers[CanvasAnswers.linkHeader] = links.map { relation, number in
            let parameters = kept + ["page=\(number)", "per_page=\(size)"]
            return
                "<\(baseURL(of: request))\(request.uri.path)?\(parameters.joined(separator: "&"))>; rel=\"\(relation)\""
        }.joined(separator: ",")
        return response
    }

    private static func escaped(_ text: some StringProtocol) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 126: escaped.unicodeScalars.append(.init(byte))
            default: escaped += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return escaped
    }
}
