import FoundationEssentials
import Jobs
import Storage

/// A time as the API writes it: UTC, with milliseconds.
struct APITime: Encodable {
    let date: Date

    init(_ date: Date) { self.date = date }

    init?(_ date: Date?) {
        guard let date else { return nil }
        self.date = date
    }

    var text: String { date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// A job in a list.
struct JobResponse: Encodable {
    struct Named: Encodable {
        let slug: String
        let name: String

        init(_ view: NamedView) {
            slug = view.slug
            name = view.name
        }
    }

    struct Stage: Encodable {
        let kind: String
        let state: String
        let percent: Int
    }

    let id: String
    let institution: Named
    let integration: Named
    let kind: String
    let state: String
    let postedBy: String
    let createdAt: APITime
    let updatedAt: APITime
    let finishedAt: APITime?
    let timeZone: String?
    let stage: Stage?
    let hasArtifacts: Bool
    let href: String

    init(_ view: JobView) {
        id = view.id.description
        institution = Named(view.institution)
        integration = Named(view.integration)
        kind = view.kind
        state = view.state.rawValue
        postedBy = view.postedBy
        createdAt = APITime(view.createdAt)
        updatedAt = APITime(view.updatedAt)
        finishedAt = APITime(view.finishedAt)
        timeZone = view.timeZone
        stage = view.stage.map { Stage(kind: $0.kind, state: $0.state.rawValue, percent: $0.percent) }
        hasArtifacts = view.hasArtifacts
        href = "\(StatusRouter.prefix)/jobs/\(view.id)"
    }
}

/// One page of jobs.
struct JobListResponse: Encodable {
    let jobs: [JobResponse]
    /// Address of the next page; missing on the last.
    let next: String?
}

/// Everything about one job.
struct JobDetailsResponse: Encodable {
    let job: JobResponse
    let steps: [StepResponse]
    let attempts: [AttemptResponse]
    let artifacts: [ArtifactResponse]
    let imports: [ImportResponse]

    init(_ view: JobDetailsView) {
        job = JobResponse(view.job)
        steps = view.steps.map(StepResponse.init)
        attempts = view.attempts.map(AttemptResponse.init)
        artifacts = view.artifacts.map { ArtifactResponse($0, job: view.job.id) }
        imports = view.imports.map(ImportResponse.init)
    }
}
