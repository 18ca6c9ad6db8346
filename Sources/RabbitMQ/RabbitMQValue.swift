/// A value in a header table or in the arguments of a declaration.
package enum RabbitMQValue: Sendable, Hashable {
    case string(String)
    case integer(Int64)
    case double(Double)
    case boolean(Bool)
    /// Seconds since 1970.
    case timestamp(UInt64)
    case bytes([UInt8])
    case array([RabbitMQValue])
    case table([String: RabbitMQValue])
    case void
}

extension RabbitMQValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) {
        self = .string(value)
    }

    package init(integerLiteral value: Int64) {
        self = .integer(value)
    }

    package init(booleanLiteral value: Bool) {
        self = .boolean(value)
    }
}

extension RabbitMQValue {
    /// The text of a string, else nil.
    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number of an integer, else nil.
    package var number: Int64? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// About how many bytes it takes on the wire; never too few.
    var encodedSize: Int {
        switch self {
        case .string(let text): 5 + text.utf8.count
        case .bytes(let bytes): 5 + bytes.count
        case .integer, .double, .timestamp: 9
        case .boolean: 2
        case .void: 1
        case .array(let values): values.reduce(5) { $0 + $1.encodedSize }
        case .table(let table): 5 + table.encodedSize
        }
    }
}

extension [String: RabbitMQValue] {
    var encodedSize: Int {
        reduce(4) { $0 + 1 + $1.key.utf8.count + $1.value.encodedSize }
    }
}
