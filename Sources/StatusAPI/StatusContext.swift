import FoundationEssentials
import Hummingbird
import Logging

/// What travels with a request: beside the framework's own, an id that the answer and the log both name.
struct StatusContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Made here and never taken from the caller, who could forge log lines with it. Not the framework's `id`, which is
    /// read from the logger and traps with one that keeps no metadata.
    let requestID: String

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        requestID = UUID().uuidString.lowercased()
        logger[metadataKey: StatusKeys.Log.requestID] = "\(requestID)"
    }
}
