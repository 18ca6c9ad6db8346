import Storage
import Testing

struct StorageErrorTests {
    @Test func `an error is its sentence, without the code`() {
        let error = StorageError(.notFound, "There is no job 7.")
        #expect("\(error)" == "There is no job 7.")
        #expect(error.code == .notFound)
    }
}
