import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers
import NIOCore

/// Which address is answered by what.
extension CanvasSimulator {
    func makeRouter() -> Router<SimulatorContext> {
        let router = Router(context: SimulatorContext.self)
        addSimulatorRoutes(to: router)
        // The verifier in the address stands in for a token, as in Canvas.
        router.get("files/:file/download", use: downloadFile)
        let api = router.group("api/v1").add(middleware: CanvasGate(simulator: self))
        api.get("users/self", use: showSelf)
        api.get("accounts", use: listAccounts)
        api.get("accounts/:account", use: showAccount)
        api.get("accounts/:account/permissions", use: showPermissions)
        api.get("accounts/:account/terms", use: listTerms)
        let root = api.group("accounts/:account").add(middleware: CanvasRootAccount(simulator: self))
        root.get("sis_imports", use: listImports)
        root.post("sis_imports", use: createImport)
        root.put("sis_imports/abort_all_pending", use: abortAllPending)
        root.get("sis_imports/:id", use: showImport)
        root.put("sis_imports/:id/abort", use: abortImport)
        root.get("sis_imports/:id/sis_import_errors", use: listErrors)
        root.get("sis_import_errors", use: listAllErrors)
        return router
    }

    @Sendable private func showSelf(_ request: Request, context: SimulatorContext) async throws -> Response {
        CanvasAnswers.json(
            .object([
                ("id", 1), ("name", "SIS integration"), ("sortable_name", "integration, SIS"),
                ("short_name", "SIS integration"), ("sis_user_id", nil), ("login_id", "sis"), ("locale", nil),
                ("permissions", .object([("can_update_name", true), ("limit_parent_app_web_access", false)])),
            ]))
    }

    @Sendable private func listAccounts(_ request: Request, context: SimulatorContext) async throws -> Response {
        CanvasAnswers.json([rootAccount])
    }

    private var rootAccount: JSON {
        .object([
            ("id", .int(settings.accountID)), ("name", .string(settings.accountName)), ("workflow_state", "active"),
            ("parent_account_id", nil), ("root_account_id", nil), ("uuid", "simulated-root"),
            ("default_time_zone", "America/Denver"), ("sis_account_id", nil), ("sis_import_id", nil),
        ])
    }

    /// Whether a path names the root account.
    func isRootAccount(_ name: String) -> Bool { name == "self" || name == "\(settings.accountID)" }

    @Sendable private func showAccount(_ request: Request, context: SimulatorContext) async throws -> Response {
        let name = try context.pathParameter("account")
        if isRootAccount(name) { return CanvasAnswers.json(rootAccount) }
        let prefix = "sis_account_id:"
        let found = engine.withLockedValue { engine -> (Int, CanvasRoster.Account)? in
            let roster = engine.roster
            let number =
                name.hasPrefix(prefix)
                ? roster.accountNumbers[String(name.dropFirst(prefix.count))]
                : Int(name).map { $0 - settings.accountID - 1 }
            return number.flatMap { roster.accounts.indices.contains($0) ? ($0, roster.accounts[$0]) : nil }
        }
        guard let (number, account) = found else { return CanvasAnswers.notFound }
        return CanvasAnswers.json(
            .object([
                ("id", .int(settings.accountID + 1 + number)), ("name", .string(account.name)),
                ("workflow_state", .string(account.state == .deleted ? "deleted" : "active")),
                ("parent_account_id", .int(account.parent.map { settings.accountID + 1 + $0 } ?? settings.accountID)),
                ("root_account_id", .int(settings.accountID)), ("sis_account_id", .string(account.sisID)),
            ]))
    }

    @Sendable private func showPermissions(_ request: Request, context: SimulatorContext) async throws -> Response {
        let isImporter = CanvasGate.token(of: request).flatMap { settings.tokens[$0] } == .importer
        // Hummingbird decodes values, not names.
        let query = request.uri.queryParameters
        let names = (query.getAll("permissions[]") + query.getAll("permissions%5B%5D")).map { String($0) }
        let sis = ["import_sis", "manage_sis", "read_sis"]
        return CanvasAnswers.json(
            .object((names.isEmpty ? sis : names).map { ($0, .bool(isImporter && sis.contains($0))) }))
    }

    @Sendable private func listTerms(_ request: Request, context: SimulatorContext) async throws -> Response {
        let terms = engine.withLockedValue { $0.roster.terms }
        var answer = CanvasPaging.answer(request, name: "enrollment_terms", Array(terms.enumerated())) { number, term in
            .object([
                ("id", .int(number + 1)), ("name", .string(term.name)), ("sis_term_id", .string(term.sisID)),
                ("start_at", nil), ("end_at", nil),
                ("workflow_state", .string(term.state == .deleted ? "deleted" : "active")),
            ])
        }
        answer.status = .ok
        return answer
    }

    @Sendable private func downloadFile(_ request: Request, context: SimulatorContext) async throws -> Response {
        let id = Int(try context.pathParameter("file")) ?? 0
        let record = shared.withLockedValue { $0.machine[id / 1000] }
        let files = (record?.attachments ?? []) + (record?.errorsFile.map { [$0] } ?? [])
        guard let file = files.first(where: { $0.id == id }),
            request.uri.queryParameters["verifier"] == "simulated-\(id)"
        else { return CanvasAnswers.notFound }
        var response = Response(status: .ok, headers: [.contentType: "text/csv"])
        response.body = try await FileIO().loadFile(path: file.path, context: context)
        return response
    }
}

/// Lets only the root account through to what belongs to it.
struct CanvasRootAccount: RouterMiddleware {
    let simulator: CanvasSimulator

    func handle(
        _ request: Request, context: SimulatorContext,
        next: @concurrent (Request, SimulatorContext) async throws -> Response
    ) async throws -> Response {
        let name = try context.pathParameter("account")
        guard simulator.isRootAccount(name) else {
            let isAccount = simulator.engine.withLockedValue { engine in
                let prefix = "sis_account_id:"
                return name.hasPrefix(prefix)
                    && engine.roster.accountNumbers[String(name.dropFirst(prefix.count))] != nil
            }
            guard isAccount else { return CanvasAnswers.notFound }
            let text = "SIS imports can only be executed on root accounts"
            return CanvasAnswers.json(.object([("errors", .array([.string(text)]))]), status: .badRequest)
        }
        return try await next(request, context)
    }
}
