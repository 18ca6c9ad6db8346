import Broker
import RabbitMQ
import Testing

struct BrokerErrorTests {
    @Test(arguments: BrokerError.Code.allCases)
    func `an error is a sentence with the remedy behind it`(code: BrokerError.Code) {
        let error = BrokerError(
            code, operation: "publish a step", remedy: "Do this.", isTransient: false, detail: "the broker's words")
        #expect("\(error)".hasPrefix("Could not publish a step: "))
        #expect("\(error)".hasSuffix(". Do this."))
        #expect(String(reflecting: error).contains("the broker's words"))
    }

    @Test(arguments: RabbitMQError.Code.allCases)
    func `the client's errors keep their remedy and whether they pass`(code: RabbitMQError.Code) {
        let inner = RabbitMQError(code, operation: "publish", detail: "words")
        let error = BrokerError(inner)
        #expect(error.remedy == inner.remedy)
        #expect(error.isTransient == inner.isTransient)
        #expect(error.detail == "words")
    }
}
