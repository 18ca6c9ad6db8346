import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers
import NIOCore

/// The addresses under `/_sim/`, for tests and demos.
extension CanvasSimulator {
    /// The largest body of `POST /_sim/faults`, in bytes.
    private static let faultLimit = 64 << 10

    func addSimulatorRoutes(to router: Router<SimulatorContext>) {
        let control = router.group("_sim")
        control.get("requests") { _, _ in CanvasAnswers.json(self.shared.withLockedValue(\.log.json)) }
        control.get("imports") { _, _ in CanvasAnswers.json(self.importsJSON) }
        control.get("state") { _, _ in CanvasAnswers.json(self.stateJSON) }
        control.get("faults") { _, _ in try self.faultsAnswer }
        control.post("faults") { request, _ in
            let body = try await request.body.collect(upTo: CanvasSimulator.faultLimit)
            let bytes = Data(body.readableBytesView)
            guard let change = try? JSONDecoder().decode(CanvasFaultChange.self, from: bytes) else {
                return CanvasAnswers.error(.badRequest, "The body must be a JSON object of faults")
            }
            self.faults = self.faults.changed(by: change)
            return try self.faultsAnswer
        }
        control.delete("faults") { _, _ in
            self.faults = CanvasFaults()
            return try self.faultsAnswer
        }
    }

    private var faultsAnswer: Response {
        get throws {
            let bytes = try JSONEncoder().encode(faults)
            return Response(
                status: .ok, headers: [.contentType: "application/json; charset=utf-8"],
                body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
        }
    }

    private var importsJSON: JSON {
        let values = imports.map { record -> JSON in
            .object([
                ("id", .int(record.id)), ("workflow_state", .string(record.state.rawValue)),
                ("progress", .int(record.progress)), ("file_name", JSON(record.upload?.fileName)),
                ("bytes", JSON(record.upload?.bytes)), ("sha256", JSON(record.upload?.sha256)),
                ("rows", JSON(record.plan?.rows)), ("messages", JSON(record.result?.messages.count)),
                ("created_at", .string(record.createdAt.canvasText)),
            ])
        }
        return .object([("imports", .array(values))])
    }

    private var stateJSON: JSON {
        let summary = summary
        return .object([
            ("accounts", .int(summary.accounts)), ("terms", .int(summary.terms)), ("courses", JSON(summary.courses)),
            ("sections", .int(summary.sections)), ("users", JSON(summary.users)),
            ("enrollments", JSON(summary.enrollments)), ("user_observers", .int(summary.observers)),
        ])
    }

    private var summary: CanvasRoster.Summary { engine.withLockedValue { $0.roster.summary() } }

    /// How many objects that are not deleted there are.
    package var objectCounts: [String: Int] {
        let summary = summary
        func living(_ counts: [String: Int]) -> Int { counts.reduce(0) { $0 + ($1.key == "deleted" ? 0 : $1.value) } }
        return [
            "accounts": summary.accounts, "terms": summary.terms, "courses": living(summary.courses),
            "sections": summary.sections, "users": living(summary.users),
            "enrollments": living(summary.enrollments), "user_observers": summary.observers,
        ]
    }
}
