import CRabbitMQ

/// Memory for the C forms of texts and tables that one call needs; all of it is given back together.
@safe
struct FieldPool: ~Copyable {
    private static let pageBytes = 4096
    private static let depthLimit = 16

    private var pool = unsafe amqp_pool_t()

    init() {
        unsafe init_amqp_pool(&pool, Self.pageBytes)
    }

    deinit {
        var pool = unsafe self.pool
        unsafe empty_amqp_pool(&pool)
    }

    /// Forgets everything handed out so far, and keeps the page.
    mutating func recycle() {
        unsafe recycle_amqp_pool(&pool)
    }

    mutating func bytes(_ text: String) -> amqp_bytes_t {
        guard !text.isEmpty else { return unsafe amqp_empty_bytes }
        var text = text
        return text.withUTF8 { unsafe copy(UnsafeRawBufferPointer($0)) }
    }

    mutating func table(_ table: [String: RabbitMQValue]) -> amqp_table_t {
        guard !table.isEmpty else { return unsafe amqp_empty_table }
        let entries = unsafe allocate(amqp_table_entry_t.self, count: table.count)
        for (index, (key, value)) in table.enumerated() {
            unsafe entries[index] = amqp_table_entry_t(key: bytes(key), value: field(value))
        }
        return unsafe amqp_table_t(num_entries: Int32(table.count), entries: entries)
    }

    private mutating func field(_ value: RabbitMQValue) -> amqp_field_value_t {
        var field = unsafe amqp_field_value_t()
        switch value {
        case .string(let text):
            unsafe (field.kind, field.value.bytes) = (UInt8(ascii: "S"), bytes(text))
        case .bytes(let raw):
            unsafe (field.kind, field.value.bytes) = (UInt8(ascii: "x"), raw.withUnsafeBytes { unsafe copy($0) })
        case .integer(let number):
            unsafe (field.kind, field.value.i64) = (UInt8(ascii: "l"), number)
        case .double(let number):
            unsafe (field.kind, field.value.f64) = (UInt8(ascii: "d"), number)
        case .boolean(let flag):
            unsafe (field.kind, field.value.boolean) = (UInt8(ascii: "t"), flag ? 1 : 0)
        case .timestamp(let seconds):
            unsafe (field.kind, field.value.u64) = (UInt8(ascii: "T"), seconds)
        case .table(let inner):
            unsafe (field.kind, field.value.table) = (UInt8(ascii: "F"), table(inner))
        case .array(let values):
            unsafe (field.kind, field.value.array) = (UInt8(ascii: "A"), array(values))
        case .void:
            unsafe field.kind = UInt8(ascii: "V")
        }
        return unsafe field
    }

    private mutating func array(_ values: [RabbitMQValue]) -> amqp_array_t {
        guard !values.isEmpty else { return unsafe amqp_empty_array }
        let entries = unsafe allocate(amqp_field_value_t.self, count: values.count)
        for (index, value) in values.enumerated() {
            unsafe entries[index] = field(value)
        }
        return unsafe amqp_array_t(num_entries: Int32(values.count), entries: entries)
    }

    private mutating func copy(_ source: UnsafeRawBufferPointer) -> amqp_bytes_t {
        guard let base = source.baseAddress, source.count > 0 else { return unsafe amqp_empty_bytes }
        let target = unsafe allocate(UInt8.self, count: source.count)
        unsafe UnsafeMutableRawPointer(target).copyMemory(from: base, byteCount: source.count)
        return unsafe amqp_bytes_t(len: source.count, bytes: target)
    }

    private mutating func allocate<Element>(_ type: Element.Type, count: Int) -> UnsafeMutablePointer<Element> {
        guard let memory = unsafe amqp_pool_alloc(&pool, count * MemoryLayout<Element>.stride) else {
            preconditionFailure("no memory for \(count) fields")
        }
        return unsafe memory.bindMemory(to: type, capacity: count)
    }
}

extension FieldPool {
    /// Copies a table out of the library's memory; what nests deeper than 16 levels is left out.
    static func table(_ table: amqp_table_t, depth: Int = 0) -> [String: RabbitMQValue] {
        guard depth < depthLimit, let entries = unsafe table.entries else { return [:] }
        var result: [String: RabbitMQValue] = [:]
        for index in 0..<Int(unsafe table.num_entries) {
            let entry = unsafe entries[index]
            unsafe result[text(entry.key)] = value(entry.value, depth: depth)
        }
        return result
    }

    static func text(_ bytes: amqp_bytes_t) -> String {
        guard let start = unsafe bytes.bytes else { return "" }
        return unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: bytes.len), as: UTF8.self)
    }

    static func array(_ bytes: amqp_bytes_t) -> [UInt8] {
        guard let start = unsafe bytes.bytes else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: bytes.len))
    }

    private static func value(_ field: amqp_field_value_t, depth: Int) -> RabbitMQValue {
        switch unsafe field.kind {
        case UInt8(ascii: "t"): .boolean(unsafe field.value.boolean != 0)
        case UInt8(ascii: "b"): .integer(Int64(unsafe field.value.i8))
        case UInt8(ascii: "B"): .integer(Int64(unsafe field.value.u8))
        case UInt8(ascii: "s"): .integer(Int64(unsafe field.value.i16))
        case UInt8(ascii: "u"): .integer(Int64(unsafe field.value.u16))
        case UInt8(ascii: "I"): .integer(Int64(unsafe field.value.i32))
        case UInt8(ascii: "i"): .integer(Int64(unsafe field.value.u32))
        case UInt8(ascii: "l"): .integer(unsafe field.value.i64)
        case UInt8(ascii: "L"): .integer(Int64(clamping: unsafe field.value.u64))
        case UInt8(ascii: "f"): .double(Double(unsafe field.value.f32))
        case UInt8(ascii: "d"): .double(unsafe field.value.f64)
        case UInt8(ascii: "S"): unsafe .string(text(field.value.bytes))
        case UInt8(ascii: "x"): unsafe .bytes(array(field.value.bytes))
        case UInt8(ascii: "T"): .timestamp(unsafe field.value.u64)
        case UInt8(ascii: "F"): unsafe .table(table(field.value.table, depth: depth + 1))
        case UInt8(ascii: "A"): unsafe .array(values(field.value.array, depth: depth + 1))
        default: .void
        }
    }

    private static func values(_ array: amqp_array_t, depth: Int) -> [RabbitMQValue] {
        guard depth < depthLimit, let entries = unsafe array.entries else { return [] }
        return (0..<Int(unsafe array.num_entries)).map { unsafe value(entries[$0], depth: depth) }
    }
}
