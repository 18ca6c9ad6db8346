import Canvas
import FoundationEssentials
import Jobs

/// What Canvas refused, as the engine's failure.
enum CanvasFailure {
    static func failure(_ error: CanvasError) -> StepFailure {
        StepFailure(kind(of: error), code: "canvas.\(error.code.rawValue)", message: "\(error)")
    }

    private static func kind(of error: CanvasError) -> StepFailure.Class {
        if let wait = error.retryAfter { return .throttled(until: Date().addingTimeInterval(wait / .seconds(1))) }
        return error.isTransient ? .transient : .permanent
    }
}
