/// What people do that is written into the audit: a closed list, so that nothing is written under two names.
///
/// The raw values are stored for good; a word once used is never given another meaning.
package enum AuditAction: String, Sendable, Hashable, CaseIterable {
    case jobBegin = "job.begin"
    case jobCancel = "job.cancel"
    /// A failed step was put back into its queue, in the same job.
    case jobRetry = "job.retry"
    /// A new job took over the earlier steps of an old one.
    case jobRunAgain = "job.run_again"

    /// Failed steps of a group, or all of them, were put back into their queues.
    case deadRetry = "dead.retry"
    case deadDiscard = "dead.discard"
    /// A note or a name was put to a group or to one of its members.
    case deadAnnotate = "dead.annotate"

    case pause = "pause.set"
    case resume = "pause.lift"

    case scheduleApply = "schedule.apply"
    case scheduleRemove = "schedule.remove"
    case schedulePause = "schedule.pause"
    case scheduleResume = "schedule.resume"
    case scheduleRunNow = "schedule.run_now"
    case scheduleBackfill = "schedule.backfill"

    case holdApprove = "hold.approve"
    case holdReject = "hold.reject"

    case integrationApply = "integration.apply"
    case institutionApply = "institution.apply"
    case settingChange = "setting.change"
}
