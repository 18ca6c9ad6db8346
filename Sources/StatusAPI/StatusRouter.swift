import Hummingbird

/// All routes of the service in one place.
enum StatusRouter {
    /// Where the JSON API begins.
    static let prefix = "/api/v1"

    /// - Throws: if a template of the pages cannot be read, which the tests would have seen.
    static func build(
        configuration: StatusConfiguration, sources: StatusSources
    ) throws -> Router<StatusContext> {
        let router = Router(context: StatusContext.self, options: [.autoGenerateHeadEndpoints])
        let templates = try PageTemplates()
        // The first is the outermost. What the last two refuse is turned into an answer by the one before them.
        router.add(middleware: AccessMiddleware())
        router.add(middleware: SecurityHeadersMiddleware())
        router.add(middleware: ProblemMiddleware(pages: templates))
        router.add(middleware: LimitsMiddleware())
        if let token = configuration.token { router.add(middleware: Authentication(token: token)) }
        router.add(middleware: ChangeGate(hasToken: configuration.offersChanges(sources)))

        JobsController(reader: sources.reader).addRoutes(to: router.group("/api/v1/jobs"))
        ArtifactsController(reader: sources.reader, store: sources.artifacts).addRoutes(
            to: router.group("/api/v1/jobs"))
        SchedulesController(reader: sources.reader).addRoutes(to: router.group("/api/v1/schedules"))
        HealthController(reader: sources.reader, checks: sources.checks, timeout: configuration.checkTimeout)
            .addRoutes(to: router.group("/api/v1/health"))
        MetricsController(reader: sources.reader, registry: sources.registry, timeout: configuration.checkTimeout)
            .addRoutes(to: router.group("/api/v1/metrics"))
        PageController(
            reader: sources.reader, templates: templates, offersChanges: configuration.offersChanges(sources)
        ).addRoutes(to: router)
        if let operations = sources.operations {
            OperationsController(operations: operations).addRoutes(to: router)
            ScheduleOrdersController(operations: operations).addRoutes(to: router.group("/api/v1/schedules"))
            DeadController(operations: operations).addRoutes(to: router.group("/api/v1/dead"))
            DeadMembersController(operations: operations) {
                try JSONResponse.make(DeadGroupResponse($0), status: $1)
            }.addRoutes(to: router.group("/api/v1/dead"))
            AuditController(operations: operations).addRoutes(to: router.group("/api/v1/audit"))
            OperationsPageController(
                operations: operations, templates: templates, offersChanges: configuration.offersChanges(sources)
            ).addRoutes(to: router)
        }
        SchedulePageController(
            reader: sources.reader, templates: templates, operations: sources.operations,
            offersChanges: configuration.offersChanges(sources)
        ).addRoutes(to: router)
        return router
    }
}

typealias StatusGroup = RouterGroup<StatusContext>
