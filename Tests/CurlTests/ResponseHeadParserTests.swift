import HTTPTypes
import Testing

@testable import Curl

struct ResponseHeadParserTests {
    @Test
    func `lines make a head`() throws {
        var parser = ResponseHeadParser(followsRedirects: false)
        let head = try #require(
            feed("HTTP/1.1 404 Not Found\r\nA: 1\r\nB:\t2 \r\nnonsense\r\n: x\r\n\r\n", to: &parser).last)
        #expect(head.response.status == .notFound)
        #expect(head.response.status.reasonPhrase == "Not Found")
        #expect(head.version == "HTTP/1.1")
        #expect(head.response.headerFields.map { "\($0.name)=\($0.value)" } == ["A=1", "B=2"])
    }

    @Test(
        arguments: [
            ("HTTP/2 200 \r\n\r\n", [200]),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n", [201]),
            ("HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", [200]),
            ("HTTP/1.1 304 Not Modified\r\n\r\n", [304]),
            ("HTTP/1.1 200 OK\r\n\r\nTrailer: 1\r\n\r\n", [200]),
            ("HTTP/1.1 abc\r\n\r\n", []),
            ("HTTP/1.1\r\n\r\n", []),
            ("HTTP/1.1 99 Low\r\n\r\n", []),
        ] as [(String, [Int])])
    func `only the last head is the answer`(lines: String, statuses: [Int]) {
        var parser = ResponseHeadParser(followsRedirects: true)
        #expect(feed(lines, to: &parser).map(\.response.status.code) == statuses)
    }

    @Test
    func `a redirect that is not followed is the answer`() {
        var parser = ResponseHeadParser(followsRedirects: false)
        #expect(feed("HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", to: &parser).count == 1)
    }

    private func feed(_ text: String, to parser: inout ResponseHeadParser) -> [ResponseHeadParser.Head] {
        text.components(separatedBy: "\r\n").compactMap { parser.take(Array(($0 + "\r\n").utf8)) }
    }
}

extension String {
    /// As libcurl does: line by line.
    fileprivate func components(separatedBy end: String) -> [Substring] {
        split(separator: end, omittingEmptySubsequences: false).dropLast()
    }
}
