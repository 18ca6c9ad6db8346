import Artifacts
import Hummingbird
import Logging
import Postgres
import Schedules
import Storage

/// Turns whatever went wrong into an answer: problem+json for the API, a page for people. What nobody expected is
/// logged and shown without its text.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = StatusContext

    let pages: PageTemplates

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            var problem = Self.problem(for: error)
            problem.requestID = context.requestID
            if problem.status >= 500 {
                context.logger.warning(
                    "Request failed",
                    metadata: [
                        StatusKeys.Log.route: "\(context.endpointPath ?? "none")",
                        StatusKeys.Log.error: "\(error)", StatusKeys.Log.status: "\(problem.status)",
                    ])
            }
            let isForPeople = !request.uri.path.hasPrefix("/api/")
            return isForPeople ? try pages.errorPage(problem) : try problem.response()
        }
    }

    static func problem(for error: any Error) -> ProblemDetails {
        switch error {
        case let problem as ProblemDetails: return problem
        case let error as HTTPError where error.status == .notFound:
            return ProblemDetails(
                .notFound, detail: "No page or resource has this address.",
                remedy: "Begin at / or at \(StatusRouter.prefix)/jobs.")
        case let error as PostgresError where error.isTransient || error.isAboutTheServer:
            return unavailable("\(error.code)")
        case let error as PostgresError where error.sqlState == .undefinedTable || error.sqlState == .undefinedColumn:
            return ProblemDetails(
                .databaseUnavailable, detail: "The database lacks tables that this version reads.",
                remedy: "Run 'rosterline migrate'.")
        case let error as DeadlineExceeded: return unavailable(error.description)
        case is CancellationError: return unavailable("the service is stopping")
        case let error as ArtifactError: return artifact(error)
        case let error as StorageError where error.code == .unknownWord:
            return ProblemDetails(.internal, detail: error.message, remedy: "Upgrade the status service.")
        case let error as ScheduleError:
            return ProblemDetails(.badParameter, detail: error.description, remedy: "Look at the schedule again.")
        case let error as StorageError where error.code == .notFound:
            return ProblemDetails(.notFound, detail: error.message, remedy: "Look for it in its list.")
        case let error as StorageError:
            return ProblemDetails(.conflict, detail: error.message, remedy: "Load the page again before you decide.")
        default:
            return ProblemDetails(
                .internal, detail: "The request could not be answered.",
                remedy: "Try again; if it happens again, look for the request's id in the log.")
        }
    }

    private static func unavailable(_ cause: String) -> ProblemDetails {
        ProblemDetails(
            .databaseUnavailable, detail: "The status service cannot read from Postgres now: \(cause).",
            remedy: "Wait a moment; if it lasts, run 'rosterline doctor'.")
    }

    private static func artifact(_ error: ArtifactError) -> ProblemDetails {
        switch error.code {
        case .notFound:
            ProblemDetails(
                .notFound, detail: "The file is listed, but its content is not in the artifact store.",
                remedy: "Check that this process uses the same artifact store as the workers.")
        case .corrupt, .notReadable, .notWritable:
            ProblemDetails(
                .artifactUnavailable, detail: "The artifact store cannot deliver the file: \(error.code.rawValue).",
                remedy: "Run 'rosterline doctor', which checks the store.")
        }
    }
}

extension PostgresError {
    /// True where the server could not be had, whatever was asked of it.
    fileprivate var isAboutTheServer: Bool {
        switch code {
        case .connectionFailed, .authenticationFailed, .connectionLost, .closed, .acquireTimedOut, .queueFull,
            .timedOut,
            .cancelled:
            true
        default: false
        }
    }
}
