import CSV
import Testing

@Suite(.timeLimit(.minutes(5)))
struct CSVScannerTests {
    private func records(_ text: String, limits: CSVLimits = CSVLimits()) throws -> [[String]] {
        var scanner = CSVScanner(bytes: Array(text.utf8), limits: limits)
        var found: [[String]] = []
        while try scanner.next() { found.append(scanner.fields) }
        return found
    }

    private func failure(_ text: String, limits: CSVLimits = CSVLimits()) -> CSVError? {
        do {
            _ = try records(text, limits: limits)
            return nil
        } catch {
            return error as? CSVError
        }
    }

    @Test(arguments: [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("a,b\r\n1,2", [["a", "b"], ["1", "2"]]),
        ("a,b\r1,2\r", [["a", "b"], ["1", "2"]]),
        ("\u{FEFF}a,b\n", [["a", "b"]]),
        ("a,\n,b\n", [["a", ""], ["", "b"]]),
        ("a\n\n\r\nb\n", [["a"], ["b"]]),
        ("\"a,b\",\"c \"\"d\"\"\"\n", [["a,b", "c \"d\""]]),
        ("\"x\r\ny\",z\n", [["x\r\ny", "z"]]),
        ("\"\",\"\"", [["", ""]]),
        ("5\" pipe,x\n", [["5\" pipe", "x"]]),
        ("Zoë,Ünal,李\n", [["Zoë", "Ünal", "李"]]),
        ("", []),
        ("\"a\"\"\"", [["a\""]]),
    ])
    func `records come apart as the standard has it`(text: String, expected: [[String]]) throws {
        #expect(try records(text) == expected)
    }

    @Test(arguments: [
        ("a\n\"b\"c\n", CSVError.Code.textAfterQuote, 2), ("a\n\"b", .unterminatedQuote, 2),
        ("a,b,c,d,e\n", .tooManyFields, 1), ("a\n\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\n", .fieldTooLong, 2),
        ("cccccccccccccccccccccccccccccccccccccccccc", .fieldTooLong, 1),
    ])
    func `what is no CSV is refused with its record`(text: String, code: CSVError.Code, record: Int) {
        var limits = CSVLimits()
        limits.fields = 4
        limits.fieldBytes = 32
        let error = failure(text, limits: limits)
        #expect(error?.code == code)
        #expect(error?.record == record)
        #expect(error?.description.isEmpty == false)
    }

    @Test func `a record beyond the limit is refused`() {
        var limits = CSVLimits()
        limits.recordBytes = 256
        let text = String(repeating: "abcdefg,", count: 100)
        #expect(failure(text, limits: limits)?.code == .recordTooLong)
    }

    @Test func `a missing file and a folder cannot be read`() {
        #expect(throws: CSVError.self) { _ = try CSVScanner(path: "/does/not/exist.csv") }
        #expect(throws: CSVError.self) { _ = try CSVScanner(path: "/tmp") }
    }

    @Test func `record and line are counted apart`() throws {
        var scanner = CSVScanner(bytes: Array("h\n\"a\nb\nc\"\n\nd\n".utf8))
        var places: [[Int]] = []
        while try scanner.next() { places.append([scanner.recordNumber, scanner.lineNumber]) }
        #expect(places == [[1, 1], [2, 2], [3, 6]])
    }

    @Test(arguments: [1, 2, 3, 5, 7, 64, 1000])
    func `pieces of any size give the same records`(size: Int) throws {
        let rows = (0..<300).map {
            "id-\($0),\"na\"\"me, \($0)\",\"line\r\n\($0)\",\(String(repeating: "x", count: $0))\r\n"
        }
        let text = Array(rows.joined().utf8)
        var taken = 0
        var scanner = CSVScanner(bufferBytes: 64) { target in
            let count = min(size, target.count, text.count - taken)
            target.copyBytes(from: text[taken..<taken + count])
            taken += count
            return count
        }
        var index = 0
        while try scanner.next() {
            #expect(
                scanner.fields
                    == ["id-\(index)", "na\"me, \(index)", "line\r\n\(index)", String(repeating: "x", count: index)])
            index += 1
        }
        #expect(index == 300)
    }

    @Test(arguments: 0..<20)
    func `random bytes never crash and always end`(seed: Int) throws {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
        let alphabet: [UInt8] = [0x2C, 0x22, 0x0A, 0x0D, 0x61, 0x00, 0xFF, 0x20, 0x2D]
        let bytes = (0..<5000).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return alphabet[Int(state >> 33) % alphabet.count]
        }
        var scanner = CSVScanner(bytes: bytes)
        var count = 0
        do {
            while try scanner.next() { count += scanner.fieldCount }
        } catch is CSVError {
            #expect(scanner.recordNumber <= 5000)
        }
        #expect(count <= 5001)
    }
}
