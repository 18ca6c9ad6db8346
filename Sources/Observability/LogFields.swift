import Logging

/// The metadata of one record as flat text fields, in the order of their names; what `Redaction` hides is replaced.
enum LogFields {
    /// Later sources win: the handler's own, the provider's, the record's.
    static func fields(
        handler: Logger.Metadata, provider: Logger.MetadataProvider?, event: LogEvent
    ) -> [(key: String, value: String)] {
        var merged = handler
        if let provided = provider?.get(), !provided.isEmpty { merged.merge(provided) { $1 } }
        if let own = event.metadata { merged.merge(own) { $1 } }
        if let error = event.error, merged["error"] == nil { merged["error"] = "\(error)" }
        var flat: [(key: String, value: String)] = []
        for (key, value) in merged { flatten(value, key: key, into: &flat) }
        return flat.sorted { $0.key < $1.key }
    }

    /// Dictionaries become `outer.inner`, arrays `name.0`, so that a collector sees plain columns.
    private static func flatten(
        _ value: Logger.MetadataValue, key: String, into flat: inout [(key: String, value: String)]
    ) {
        if Redaction.hides(key: key) {
            flat.append((key, Redaction.placeholder))
            return
        }
        switch value {
        case .string(let text): flat.append((key, text))
        case .stringConvertible(let text): flat.append((key, text.description))
        case .dictionary(let inner):
            for (name, value) in inner { flatten(value, key: "\(key).\(name)", into: &flat) }
        case .array(let values):
            for (index, value) in values.enumerated() { flatten(value, key: "\(key).\(index)", into: &flat) }
        @unknown default: flat.append((key, "\(value)"))
        }
    }
}
