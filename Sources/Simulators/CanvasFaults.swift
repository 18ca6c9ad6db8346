/// What a simulated Canvas does wrong on purpose.
///
/// Set over HTTP with `POST /_sim/faults`, whose body names the fields to change; `DELETE /_sim/faults` ends them all.
package struct CanvasFaults: Sendable, Equatable, Codable {
    /// So many API requests are answered with `failStatus`, before anything is done.
    package var failNext = 0
    /// 401, 403, 404, 429, 500, 502 or 503.
    package var failStatus = 500
    /// Only requests with this method fail; nothing = all.
    package var failMethod: String?
    /// Seconds for the `Retry-After` header of failing and throttled answers; nothing = no such header, as in Canvas.
    package var retryAfterSeconds: Int?
    /// Every API request is answered as over the limit.
    package var throttle = false
    /// 403 as older Canvas answers, or 429 as its current documentation says.
    package var throttleStatus = 403
    /// The answer to a POST is held back so long after its import was accepted.
    package var holdAnswerMilliseconds = 0
    /// So many POSTs are accepted, and their connections closed without an answer.
    package var dropAfterAccepting = 0
    /// So many POSTs are accepted, and then answered with 502.
    package var failAfterAccepting = 0
    /// So many POSTs lose their connection before their body is read: nothing is accepted.
    package var dropUploads = 0
    /// A running import stops at this progress (0 to 99) and goes on when the fault is ended.
    package var stuckAtPercent: Int?
    /// So many imports, when they start, end in `failed` as after a crash.
    package var crashImports = 0
    /// What a running import shows as its progress (0 to 99), whatever it has done; less than before is possible.
    package var showPercent: Int?
    /// Each import that ends says of so many rows that it refused them, though it did not.
    package var inventErrors = 0

    package init() {}

    /// Missing fields keep the value they have in `base`.
    func changed(by change: CanvasFaultChange) -> CanvasFaults {
        var faults = self
        faults.failNext = change.failNext ?? failNext
        faults.failStatus = change.failStatus ?? failStatus
        faults.failMethod = change.failMethod ?? failMethod
        faults.retryAfterSeconds = change.retryAfterSeconds ?? retryAfterSeconds
        faults.throttle = change.throttle ?? throttle
        faults.throttleStatus = change.throttleStatus ?? throttleStatus
        faults.holdAnswerMilliseconds = change.holdAnswerMilliseconds ?? holdAnswerMilliseconds
        faults.dropAfterAccepting = change.dropAfterAccepting ?? dropAfterAccepting
        faults.failAfterAccepting = change.failAfterAccepting ?? failAfterAccepting
        faults.dropUploads = change.dropUploads ?? dropUploads
        faults.stuckAtPercent = change.stuckAtPercent ?? stuckAtPercent
        faults.crashImports = change.crashImports ?? crashImports
        faults.showPercent = change.showPercent ?? showPercent
        faults.inventErrors = change.inventErrors ?? inventErrors
        return faults
    }
}

/// The body of `POST /_sim/faults`: every field may be missing.
struct CanvasFaultChange: Sendable, Decodable {
    var failNext: Int?
    var failStatus: Int?
    var failMethod: String?
    var retryAfterSeconds: Int?
    var throttle: Bool?
    var throttleStatus: Int?
    var holdAnswerMilliseconds: Int?
    var dropAfterAccepting: Int?
    var failAfterAccepting: Int?
    var dropUploads: Int?
    var stuckAtPercent: Int?
    var crashImports: Int?
    var showPercent: Int?
    var inventErrors: Int?
}
