import FoundationEssentials

/// Imports as Canvas shows them, with members that come and go as they do there.
extension CanvasImport {
    /// - Parameter baseURL: Scheme and authority of the addresses of files.
    func json(baseURL: String, now: Date, errorsFileDelay: Duration) -> JSON {
        var members: [(String, JSON)] = [
            ("id", .int(id)), ("created_at", JSON(createdAt.canvasText)), ("started_at", JSON(startedAt?.canvasText)),
            ("ended_at", JSON(endedAt?.canvasText)), ("updated_at", JSON(updatedAt.canvasText)),
            ("progress", .int(progress)), ("workflow_state", .string(state.rawValue)), ("data", data),
        ]
        members += optionMembers
        let messages = result?.messages ?? []
        for (name, isFailure) in [("processing_errors", true), ("processing_warnings", false)] {
            let pairs = CanvasImport.pairs(messages.filter { $0.isFailure == isFailure })
            if !pairs.isEmpty { members.append((name, .array(pairs))) }
        }
        // The file of errors is the work of a later job: a client that looks at once does not find it.
        if let errorsFile, let endedAt, now >= endedAt.addingTimeInterval(errorsFileDelay.seconds) {
            members.append(("errors_attachment", errorsFile.json(baseURL: baseURL, createdAt: endedAt)))
        }
        members.append(("user", .object([("id", 1), ("name", "SIS integration"), ("sis_user_id", nil)])))
        if !attachments.isEmpty {
            let files = attachments.map { $0.json(baseURL: baseURL, createdAt: startedAt ?? createdAt) }
            members.append(("csv_attachments", .array(files)))
        }
        return .object(members)
    }

    private var optionMembers: [(String, JSON)] {
        [
            ("batch_mode", options.batchMode ? true : nil),
            ("batch_mode_term_id", JSON(options.batchModeTermID)),
            ("multi_term_batch_mode", options.multiTermBatchMode ? true : nil),
            ("override_sis_stickiness", JSON(options.overrideSISStickiness)),
            ("add_sis_stickiness", JSON(options.addSISStickiness)),
            ("clear_sis_stickiness", JSON(options.clearSISStickiness)),
            ("update_sis_id_if_login_claimed", .bool(options.updateSISIDIfLoginClaimed)),
            ("diffing_data_set_identifier", JSON(options.diffingDataSetIdentifier)),
            ("diffing_remaster", options.diffingRemaster ? true : nil),
            ("diffed_against_import_id", nil),
            ("diffing_drop_status", JSON(options.diffingDropStatus)),
            ("diffing_user_remove_status", JSON(options.diffingUserRemoveStatus)),
            ("skip_deletes", .bool(options.skipDeletes)),
            ("change_threshold", JSON(options.changeThreshold)),
            ("diff_row_count_threshold", JSON(options.diffRowCountThreshold)),
        ]
    }

    private var data: JSON {
        var members: [(String, JSON)] = [("import_type", .string(options.importType))]
        if let plan {
            members.append(("supplied_batches", .array(plan.suppliedBatches.map { .string($0) })))
            if plan.runsImmediately { members.append(("running_immediately", true)) }
        }
        if !attachments.isEmpty {
            members.append(("downloadable_attachment_ids", .array(attachments.map { .int($0.id) })))
        }
        if let result, state != .failed {
            members.append(("completed_importers", .array((plan?.suppliedBatches ?? []).map { .string($0) })))
            members.append(("counts", counts(result)))
            members.append(("statistics", result.statistics.json))
        }
        if let crash {
            members.append(("error_message", .string(crash)))
            members.append(("stack_trace", "the simulator has none"))
        }
        return .object(members)
    }

    private func counts(_ result: CanvasImportResult) -> JSON {
        var members = CanvasCSVType.allCases.map { ($0.countKey, JSON.int(result.counts[$0.countKey] ?? 0)) }
        members.append(("error_count", .int(result.messages.count(where: \.isFailure))))
        members.append(("warning_count", .int(result.messages.count { !$0.isFailure })))
        return .object(members)
    }

    /// The first 24 messages, and a summary of the others as the 25th.
    private static func pairs(_ messages: [Message]) -> [JSON] {
        var pairs = messages.prefix(24).map { JSON.array([JSON($0.file), .string($0.text)]) }
        if messages.count > 24 {
            pairs.append(.array(["", .string("There were \(messages.count - 24) more messages of this kind")]))
        }
        return pairs
    }
}

extension CanvasImport.Attachment {
    func json(baseURL: String, createdAt: Date) -> JSON {
        .object([
            ("id", .int(id)), ("uuid", .string("simulated-\(id)")), ("folder_id", nil), ("display_name", .string(name)),
            ("filename", .string(name)), ("upload_status", "success"), ("content-type", "text/csv"),
            ("url", .string("\(baseURL)/files/\(id)/download?download_frd=1&verifier=simulated-\(id)")),
            ("size", .int(bytes)), ("created_at", .string(createdAt.canvasText)),
            ("updated_at", .string(createdAt.canvasText)), ("locked", false), ("hidden", false), ("mime_class", "file"),
        ])
    }
}

extension CanvasStatistics {
    var json: JSON {
        var members: [(String, JSON)] = [("total_state_changes", .int(totalStateChanges))]
        for kind in Kind.allCases {
            members.append((kind.rawValue, .object(kind.buckets.map { ($0.rawValue, .int(count(kind, $0))) })))
        }
        return .object(members)
    }
}

extension Date {
    /// As Canvas writes times: UTC, whole seconds.
    var canvasText: String { formatted(.iso8601) }

    /// Reads what a filter may hold: with or without parts of a second.
    init?(canvasText: String) {
        if let date = try? Date(canvasText, strategy: .iso8601) {
            self = date
        } else if let date = try? Date(canvasText, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        {
            self = date
        } else {
            return nil
        }
    }
}
