import HTTPTypes

/// A listing of Canvas, fetched page by page as it is read, following the `Link` header.
///
/// Each reader starts at the first page. A page that changes while it is read may show an item twice or not at all:
/// Canvas pages by position.
package struct CanvasPages<Element: Sendable>: AsyncSequence, Sendable {
    package typealias Failure = CanvasError

    let client: CanvasClient
    let first: String
    /// Where the items are in a page's object; a page may also be the bare list.
    let member: String
    let operation: String
    let element: @Sendable (JSONValue) -> Element?

    package struct AsyncIterator: AsyncIteratorProtocol {
        private let pages: CanvasPages
        private var next: String?
        private var waiting: ArraySlice<Element> = []
        private var pagesRead = 0

        init(_ pages: CanvasPages) {
            self.pages = pages
            next = pages.first
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(CanvasError) -> Element? {
            while waiting.isEmpty, let path = next {
                let (items, following) = try await pages.page(path, number: pagesRead + 1)
                pagesRead += 1
                waiting = items[...]
                next = following
            }
            return waiting.popFirst()
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    private func page(_ path: String, number: Int) async throws(CanvasError) -> ([Element], String?) {
        let (json, head) = try await client.json(.get, path, operation: operation)
        guard number <= client.configuration.maxPages else {
            throw client.unreadable(operation, head, "more than \(client.configuration.maxPages) pages")
        }
        let list = json[member] == .null ? json : json[member]
        guard case .array(let items) = list else { throw client.unreadable(operation, head, "no list") }
        let next = head.headerFields[.link].flatMap(CanvasLink.next).flatMap(CanvasFileAddress.init)
        let prefix = client.configuration.pathPrefix
        // Only path and query are taken: wherever the link points, the token goes to the configured host.
        let path = next.map { $0.path.hasPrefix(prefix) ? String($0.path.dropFirst(prefix.count)) : $0.path }
        return (items.compactMap(element), path)
    }
}

/// The `Link` header: `<address>; rel="next", …`.
enum CanvasLink {
    static func next(_ header: String) -> String? {
        // An address may hold commas, so the parts are found by their brackets.
        var rest = Substring(header)
        while let start = rest.firstIndex(of: "<"), let end = rest[start...].firstIndex(of: ">") {
            let address = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            let parameters = rest.prefix { $0 != "<" }
            if parameters.contains("rel=\"next\"") || parameters.contains("rel=next") { return String(address) }
        }
        return nil
    }
}

extension HTTPField.Name {
    fileprivate static var link: HTTPField.Name { Self.parsed }
    private static let parsed = HTTPField.Name("Link") ?? .location
}
