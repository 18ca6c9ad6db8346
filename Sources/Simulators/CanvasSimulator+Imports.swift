import FoundationEssentials
import Glibc
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers

/// The SIS Imports API.
extension CanvasSimulator {
    /// `POST /accounts/:account/sis_imports`
    @Sendable func createImport(_ request: Request, context: SimulatorContext) async throws -> Response {
        if takeFault(\.dropUploads) { return try await context.cutConnection() }
        var parameters: [String: String] = [:]
        for (name, value) in request.uri.queryParameters { parameters[String(name)] = String(value) }
        let path = "\(scratchFolder)/receiving-\(context.logNumber)"
        let receiver = CanvasUploadReceiver(path: path, limit: settings.largestUploadBytes)
        let received: CanvasUploadReceiver.Received
        do {
            received = try await receiver.receive(request, extension: parameters["extension"])
        } catch {
            FileSystem.remove(path)
            throw error
        }
        parameters.merge(received.fields) { _, field in field }
        guard let upload = received.upload else {
            return CanvasAnswers.json(
                .object([("error", true), ("error_message", "no attachment was given")]), status: .badRequest)
        }
        let record: CanvasImport
        switch accept(upload, parameters) {
        case .success(let accepted): record = accepted
        case .failure(let refusal):
            FileSystem.remove(path)
            return CanvasAnswers.message(.badRequest, refusal.message)
        }
        shared.withLockedValue {
            $0.log.change(context.logNumber) { entry in
                entry.bytes = upload.bytes
                entry.sha256 = upload.sha256
                entry.fileName = upload.fileName
                entry.importID = record.id
            }
        }
        wakeQueue()
        return try await answerAccepted(record, request, context)
    }

    private func accept(
        _ upload: CanvasImport.Upload, _ parameters: [String: String]
    ) -> Result<CanvasImport, CanvasImportOptions.Refusal> {
        let options: CanvasImportOptions
        do throws(CanvasImportOptions.Refusal) {
            options = try CanvasImportOptions(parameters)
        } catch {
            if error.leavesOrphan { shared.withLockedValue { _ = $0.machine.begin(.init(), now: now()) } }
            return .failure(error)
        }
        if let term = options.batchModeTermID, !isTerm(term) {
            return .failure(.init(message: "batch_mode_term_id: there is no such term", leavesOrphan: false))
        }
        return shared.withLockedValue { shared in
            let id = shared.machine.begin(options, now: now())
            var kept = upload
            kept.path = "\(scratchFolder)/upload-\(id)"
            rename(upload.path, kept.path)
            return .success(shared.machine.accept(id, upload: kept, now: now()))
        }
    }

    private func isTerm(_ id: String) -> Bool {
        engine.withLockedValue { engine in
            let prefix = "sis_term_id:"
            if id.hasPrefix(prefix) { return engine.roster.termNumbers[String(id.dropFirst(prefix.count))] != nil }
            return Int(id).map { engine.roster.terms.indices.contains($0 - 1) } ?? false
        }
    }

    /// The import exists now; whether its maker hears of it is another matter.
    private func answerAccepted(
        _ record: CanvasImport, _ request: Request, _ context: SimulatorContext
    ) async throws -> Response {
        let answer = CanvasAnswers.json(json(of: record, request))
        let hold = faults.holdAnswerMilliseconds
        if hold > 0 { try await Task.sleep(for: .milliseconds(hold)) }
        if takeFault(\.dropAfterAccepting) { return try await context.cutConnection() }
        if takeFault(\.failAfterAccepting) { return CanvasAnswers.error(.badGateway, "The simulator lost its answer") }
        return answer
    }

    private func takeFault(_ count: any WritableKeyPath<CanvasFaults, Int> & Sendable) -> Bool {
        shared.withLockedValue { shared in
            guard shared.faults[keyPath: count] > 0 else { return false }
            shared.faults[keyPath: count] -= 1
            return true
        }
    }

    private func show(_ id: Int, _ request: Request) -> Response {
        let record = shared.withLockedValue { $0.machine[id] }
        return record.map { CanvasAnswers.json(json(of: $0, request)) } ?? CanvasAnswers.notFound
    }

    private func json(of record: CanvasImport, _ request: Request) -> JSON {
        var record = record
        if let percent = faults.showPercent, record.state == .importing { record.progress = percent }
        return record.json(
            baseURL: CanvasPaging.baseURL(of: request), now: now(), errorsFileDelay: settings.errorsFileDelay)
    }

    /// `GET /accounts/:account/sis_imports`, newest first.
    @Sendable func listImports(_ request: Request, context: SimulatorContext) async throws -> Response {
        let query = request.uri.queryParameters
        let since = query["created_since"].flatMap { Date(canvasText: String($0)) }
        let before = query["created_before"].flatMap { Date(canvasText: String($0)) }
        let states = Set(
            ["workflow_state[]", "workflow_state%5B%5D", "workflow_state"].flatMap { query.getAll($0) }.map {
                String($0)
            })
        let found = imports.reversed().filter { record in
            if let since, record.createdAt <= since { return false }
            if let before, record.createdAt >= before { return false }
            return states.isEmpty || states.contains(record.state.rawValue)
        }
        return CanvasPaging.answer(request, name: "sis_imports", found) { json(of: $0, request) }
    }

    /// `GET /accounts/:account/sis_imports/:id`, and `/importing`.
    @Sendable func showImport(_ request: Request, context: SimulatorContext) async throws -> Response {
        let name = try context.pathParameter("id")
        if name == "importing" {
            let found = imports.filter { $0.state == .importing }
            return CanvasAnswers.json(.object([("sis_imports", .array(found.map { json(of: $0, request) }))]))
        }
        return show(Int(name) ?? 0, request)
    }

    /// `PUT /accounts/:account/sis_imports/:id/abort`
    @Sendable func abortImport(_ request: Request, context: SimulatorContext) async throws -> Response {
        let id = Int(try context.pathParameter("id")) ?? 0
        guard shared.withLockedValue({ $0.machine.abort(id, now: now()) }) else { return CanvasAnswers.notFound }
        wakeQueue()
        return show(id, request)
    }

    /// `PUT /accounts/:account/sis_imports/abort_all_pending`
    @Sendable func abortAllPending(_ request: Request, context: SimulatorContext) async throws -> Response {
        shared.withLockedValue { $0.machine.abortAllPending(now: now()) }
        wakeQueue()
        return CanvasAnswers.json(.object([("aborted", true)]))
    }

    /// `GET /accounts/:account/sis_imports/:id/sis_import_errors`
    @Sendable func listErrors(_ request: Request, context: SimulatorContext) async throws -> Response {
        let id = Int(try context.pathParameter("id")) ?? 0
        guard let record = shared.withLockedValue({ $0.machine[id] }) else { return CanvasAnswers.notFound }
        return errors(of: [record], request)
    }

    /// `GET /accounts/:account/sis_import_errors`
    @Sendable func listAllErrors(_ request: Request, context: SimulatorContext) async throws -> Response {
        errors(of: imports, request)
    }

    private func errors(of records: [CanvasImport], _ request: Request) -> Response {
        let messages = records.flatMap { record in (record.result?.messages ?? []).map { (record.id, $0) } }
        return CanvasPaging.answer(request, name: "sis_import_errors", messages.reversed()) { id, message in
            .object([
                ("sis_import_id", .int(id)), ("file", JSON(message.file)), ("message", .string(message.text)),
                ("row", JSON(message.row)),
            ])
        }
    }
}
