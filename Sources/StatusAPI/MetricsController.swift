import HTTPTypes
import Hummingbird
import Logging
import Observability
import Storage

/// The metrics of this process and of the engine, for Prometheus.
struct MetricsController: Sendable {
    let reader: StatusReader
    let registry: PrometheusRegistry
    /// For the engine's numbers, which come from Postgres; without them the rest is still shown.
    let timeout: Duration

    func addRoutes(to group: StatusGroup) {
        group.get("", use: show)
    }

    private func show(_ request: Request, _ context: StatusContext) async throws -> Response {
        let engine = PrometheusRegistry(help: StatusKeys.Metric.help)
        do {
            let queries = reader.queries
            let counts = try await withDeadline(timeout) { try await queries.engineCounts() }
            Self.fill(engine, counts)
            engine.setGauge(StatusKeys.Metric.databaseUp, 1)
        } catch {
            engine.setGauge(StatusKeys.Metric.databaseUp, 0)
            context.logger.debug("No engine counts", metadata: [StatusKeys.Log.error: "\(error)"])
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: registry.text() + engine.text())))
    }

    private static func fill(_ engine: PrometheusRegistry, _ counts: EngineCountsView) {
        let states = [
            ("queued", counts.queuedSteps), ("running", counts.runningSteps), ("waiting", counts.waitingSteps),
            ("held", counts.heldSteps), ("failed", counts.failedSteps),
        ]
        for (state, count) in states {
            engine.setGauge(StatusKeys.Metric.steps, Double(count), dimensions: [("state", state)])
        }
        engine.setGauge(StatusKeys.Metric.outboxDepth, Double(counts.outboxDepth))
        engine.setGauge(StatusKeys.Metric.outboxOldestSeconds, counts.outboxOldestSeconds)
        engine.setGauge(StatusKeys.Metric.expiredLeases, Double(counts.expiredLeases))
    }
}
