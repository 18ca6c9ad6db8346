/// A number that was promised.
struct Bar {
    let name: String
    let measured: Double
    let wanted: Double
    var isAtMost = false

    var isMet: Bool { isAtMost ? measured <= wanted : measured >= wanted }
}

extension JobsReport {
    /// The promises, as far as this run has measured what they are about.
    var bars: [Bar] {
        var bars: [Bar] = []
        if let ours = rate(.engine) {
            for peer in Contestant.allCases where peer.isPeer {
                if let theirs = rate(peer) {
                    bars.append(Bar(name: "drain beside \(peer.title)", measured: ours / theirs, wanted: 1))
                }
            }
            if let inC = rate(.engineInC) {
                bars.append(
                    Bar(name: "drain beside C with our statements (goal 0.8)", measured: ours / inC, wanted: 0.5))
            }
        }
        if let ours = enqueueRate(.engine), let celery = enqueueRate(.celery) {
            bars.append(Bar(name: "enqueue beside Celery", measured: ours / celery, wanted: 15))
        }
        if let median = latency(.engine, \.end, at: 0) {
            bars.append(Bar(name: "p50 at 200 jobs/s, ms", measured: median, wanted: 3, isAtMost: true))
        }
        if let tail = latency(.engine, \.end, at: 1) {
            bars.append(Bar(name: "p99 at 200 jobs/s, ms", measured: tail, wanted: 12, isAtMost: true))
        }
        if let time = median(.engine, \.workerTime) {
            bars.append(Bar(name: "our own CPU, s per 1000 jobs", measured: time, wanted: 0.05, isAtMost: true))
        }
        return bars
    }
}
