import Testing

@testable import Storage

@Suite struct CountsJSONTests {
    @Test func `counts become a sorted object, and names cannot break out of it`() {
        #expect(CountsJSON.encode([:]) == "{}")
        #expect(
            CountsJSON.encode(["b.extracted": -2, "a_b-c": .max]) == #"{"a_b-c":9223372036854775807,"b.extracted":-2}"#)
        #expect(CountsJSON.encode([#"a":1,"b\"#: 3, "ü": 4]) == #"{"a1b":3,"":4}"#)
    }

    @Test func `bytes become hexadecimal`() {
        #expect(Hexadecimal.text([0, 15, 16, 255]) == "000f10ff")
        #expect(Hexadecimal.bytea([]) == "\\x")
    }
}
