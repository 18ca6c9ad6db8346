/// How Canvas is to treat the files of an import; nil = not sent, so that Canvas's own default holds.
///
/// Asked for together, one-term batch mode beats multi-term batch mode beats diffing: Canvas drops the lower ones
/// silently.
package struct SISImportOptions: Sendable, Equatable {
    /// What happens to objects that the files no longer name.
    package enum DropStatus: String, Sendable, CaseIterable {
        case deleted
        case completed
        case inactive
    }

    /// What happens to people that a diff no longer names.
    package enum RemoveStatus: String, Sendable, CaseIterable {
        case deleted
        case suspended
    }

    /// Delete whatever of the term the files do not name; needs `batchModeTermID`.
    package var batchMode: Bool?
    /// An id, or `sis_term_id:…`; an active term.
    package var batchModeTermID: String?
    /// Batch mode for the terms in the import's own terms file; needs `changeThreshold`.
    package var multiTermBatchMode: Bool?
    package var batchModeEnrollmentDropStatus: DropStatus?
    /// Rows that delete are passed over; batch cleanup is not.
    package var skipDeletes: Bool?
    package var overrideSISStickiness: Bool?
    /// Only with `overrideSISStickiness`.
    package var addSISStickiness: Bool?
    /// Only with `overrideSISStickiness`.
    package var clearSISStickiness: Bool?
    package var updateSISIDIfLoginClaimed: Bool?
    /// At most 128 characters; imports of the same identifier are compared.
    package var diffingDataSetIdentifier: String?
    package var diffingRemasterDataSet: Bool?
    package var diffingDropStatus: DropStatus?
    package var diffingUserRemoveStatus: RemoveStatus?
    /// 1 to 100: percent of objects that may go before deletes are refused.
    package var changeThreshold: Int?
    /// Above 0: rows that may go in a diff.
    package var diffRowCountThreshold: Int?

    package init() {}

    /// The form's fields, beside the file.
    var fields: [(name: String, value: String)] {
        var fields = [("import_type", "instructure_csv")]
        func add(_ name: String, _ value: String?) {
            if let value { fields.append((name, value)) }
        }
        add("batch_mode", batchMode?.description)
        add("batch_mode_term_id", batchModeTermID)
        add("multi_term_batch_mode", multiTermBatchMode?.description)
        add("batch_mode_enrollment_drop_status", batchModeEnrollmentDropStatus?.rawValue)
        add("skip_deletes", skipDeletes?.description)
        add("override_sis_stickiness", overrideSISStickiness?.description)
        add("add_sis_stickiness", addSISStickiness?.description)
        add("clear_sis_stickiness", clearSISStickiness?.description)
        add("update_sis_id_if_login_claimed", updateSISIDIfLoginClaimed?.description)
        add("diffing_data_set_identifier", diffingDataSetIdentifier)
        add("diffing_remaster_data_set", diffingRemasterDataSet?.description)
        add("diffing_drop_status", diffingDropStatus?.rawValue)
        add("diffing_user_remove_status", diffingUserRemoveStatus?.rawValue)
        add("change_threshold", changeThreshold?.description)
        add("diff_row_count_threshold", diffRowCountThreshold?.description)
        return fields
    }
}

/// What is uploaded. Canvas goes by the extension of the file name.
package enum SISImportContentType: String, Sendable, CaseIterable {
    case zip = "application/zip"
    case csv = "text/csv"
}
