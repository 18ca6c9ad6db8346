/// The parameters of a new import, as far as they were given.
///
/// Batch mode and diffing are noted and shown, but not played: an import that asks for them is applied as an
/// ordinary one and says so in a warning, so that nobody takes its result for the real thing.
package struct CanvasImportOptions: Sendable, Equatable {
    package var importType = "instructure_csv"
    package var batchMode = false
    package var batchModeTermID: String?
    package var multiTermBatchMode = false
    package var skipDeletes = false
    package var overrideSISStickiness: Bool?
    package var addSISStickiness: Bool?
    package var clearSISStickiness: Bool?
    package var updateSISIDIfLoginClaimed = false
    package var diffingDataSetIdentifier: String?
    package var diffingRemaster = false
    package var diffingDropStatus: String?
    package var diffingUserRemoveStatus: String?
    package var changeThreshold: Int?
    package var diffRowCountThreshold: Int?

    /// A parameter that is refused, and whether an orphan is left behind in `initializing`.
    struct Refusal: Error, Equatable {
        var message: String
        var leavesOrphan: Bool
    }

    package init() {}

    /// Reads the parameters of a query or a form; names that Canvas does not know are ignored.
    init(_ parameters: [String: String]) throws(Refusal) {
        func flag(_ name: String) -> Bool? {
            parameters[name].map { ["1", "true", "t", "yes", "on"].contains($0.lowercased()) }
        }
        importType = parameters["import_type"] ?? "instructure_csv"
        batchModeTermID = parameters["batch_mode_term_id"]
        multiTermBatchMode = flag("multi_term_batch_mode") ?? false
        batchMode = flag("batch_mode") ?? multiTermBatchMode
        skipDeletes = flag("skip_deletes") ?? false
        overrideSISStickiness = flag("override_sis_stickiness")
        if overrideSISStickiness == true {
            addSISStickiness = flag("add_sis_stickiness")
            clearSISStickiness = flag("clear_sis_stickiness")
        }
        updateSISIDIfLoginClaimed = flag("update_sis_id_if_login_claimed") ?? false
        if !batchMode { diffingDataSetIdentifier = parameters["diffing_data_set_identifier"] }
        diffingRemaster = flag("diffing_remaster_data_set") ?? false
        changeThreshold = parameters["change_threshold"].flatMap { Int($0) }
        diffRowCountThreshold = parameters["diff_row_count_threshold"].flatMap { Int($0) }
        if multiTermBatchMode, changeThreshold == nil {
            throw Refusal(message: "change_threshold is needed for multi_term_batch_mode", leavesOrphan: true)
        }
        diffingDropStatus = try CanvasImportOptions.checked(
            parameters["diffing_drop_status"], among: ["deleted", "completed", "inactive", "deleted_last_completed"],
            name: "diffing_drop_status")
        diffingUserRemoveStatus = try CanvasImportOptions.checked(
            parameters["diffing_user_remove_status"], among: ["deleted", "suspended"],
            name: "diffing_user_remove_status")
    }

    private static func checked(
        _ value: String?, among allowed: [String], name: String
    ) throws(Refusal) -> String? {
        guard let value else { return nil }
        guard allowed.contains(value) else {
            throw Refusal(message: "\(name) has no such value", leavesOrphan: true)
        }
        return value
    }

    /// Why the import is not what was asked for, or nothing.
    var notPlayed: String? {
        if batchMode { return "The simulator does not play batch mode: nothing was cleaned up." }
        if diffingDataSetIdentifier != nil {
            return "The simulator does not play diffing: the whole file was applied, nothing was deleted."
        }
        return nil
    }
}
