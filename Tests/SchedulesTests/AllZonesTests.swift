import Foundation
import Jobs
import Testing

@testable import Schedules

/// The specification of ``WallClock`` against what schedulers fire that stop and start at any time, over the zones of
/// the system's database.
///
/// The short form tries each *shape* of a change of clocks once (how far, at which time of day) and whole years of a
/// few zones. `TEST_ALL_ZONES=1` tries every zone and every change of the years below, best in a release build;
/// `TEST_SEED` repeats a run.
@Suite struct AllZonesTests {
    /// The years that are tried; the database's files end with 2037.
    private static let begin = 1_199_145_600  // 2008
    private static let end = 2_082_758_400  // 2036
    private static let isLong = ProcessInfo.processInfo.environment["TEST_ALL_ZONES"] == "1"
    private static let seed: UInt64 = {
        let seed = ProcessInfo.processInfo.environment["TEST_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...999_999)
        print("AllZonesTests: TEST_SEED=\(seed)")
        return seed
    }()

    /// A stretch of a zone's time to be tried.
    private struct Stretch: Hashable, CustomStringConvertible {
        let zone: String
        let from: Int
        let to: Int

        var description: String { "\(zone) \(from) to \(to)" }
    }

    @Test(.timeLimit(.minutes(isLong ? 60 : 5)))
    func `whatever the restarts, the union of firings is what a wall clock says`() async throws {
        let begin = ContinuousClock.now
        let zones = try SystemZone.all()
        let stretches = try Self.stretches(zones)
        #expect(stretches.count > 60)
        let byName = Dictionary(uniqueKeysWithValues: zones.map { ($0.name, $0) })
        // The long form takes what the machine has; the short one is one test beside others.
        let lanes = Self.isLong ? ProcessInfo.processInfo.activeProcessorCount : 1
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<lanes {
                group.addTask { @concurrent in
                    var matches = WallClock.Matches()
                    for index in stride(from: lane, to: stretches.count, by: lanes) {
                        let zone = try #require(byName[stretches[index].zone])
                        try Self.check(stretches[index], index, in: zone, &matches)
                    }
                }
            }
            try await group.waitForAll()
        }
        print(
            "AllZonesTests: \(stretches.count) stretches of \(Set(stretches.map(\.zone)).count) zones in",
            ContinuousClock.now - begin)
    }

    private static func check(
        _ stretch: Stretch, _ index: Int, in zone: SystemZone, _ matches: inout WallClock.Matches
    ) throws {
        let specified = WallClock(zone: zone).firings(from: stretch.from, to: stretch.to, of: &matches)
        for (sample, expected) in zip(WallClock.samples, specified) {
            var generator = SeededGenerator(state: seed &+ UInt64(index))
            try check(sample, in: stretch, expected: expected, using: &generator)
        }
    }

    @Test(arguments: [("UTC", 0), ("Etc/GMT-5", 18_000), ("EST", -18_000), ("Asia/Kathmandu", 20_700)])
    func `a zone without changes is read too`(name: String, offset: Int) throws {
        #expect(try #require(SystemZone(name)).offset(at: Self.begin) == offset)
    }

    @Test func `the product knows the zones of the system`() throws {
        let unknown = try SystemZone.all().map(\.name).filter { TimeZone(identifier: $0) == nil }
        // Names without a place: what a machine is set to, or not set at all.
        #expect(Set(unknown).isSubset(of: ["Factory", "localtime", "posixrules"]))
    }

    /// Each shape of change once, and whole years of a seeded sample; or everything.
    private static func stretches(_ zones: [SystemZone]) throws -> [Stretch] {
        let known = zones.filter { TimeZone(identifier: $0.name) != nil }
        var generator = SeededGenerator(state: seed)
        var shapes: Set<[Int]> = []
        var stretches: [Stretch] = []
        for zone in known.shuffled(using: &generator) {
            for shift in zone.shifts(from: begin, to: end) {
                let shape = [shift.before, shift.after, (shift.instant + shift.before) % 86_400]
                guard shapes.insert(shape).inserted || isLong else { continue }
                stretches.append(
                    Stretch(
                        zone: zone.name, from: shift.instant - 86_400 - shift.instant % 60,
                        to: shift.instant + 86_400 + 86_400 / 2))
            }
        }
        let sample = isLong ? known : Array(known.shuffled(using: &generator).prefix(2))
        for zone in sample {
            let year = Int(generator.next() % 28)
            stretches.append(
                Stretch(zone: zone.name, from: begin + year * 365 * 86_400, to: begin + (year + 1) * 365 * 86_400))
        }
        return stretches
    }

    /// Lets schedulers look at random moments, some of which lose what they decided, and compares.
    private static func check(
        _ sample: WallClock.Sample, in stretch: Stretch, expected: [Int], using generator: inout SeededGenerator
    ) throws {
        var definition = ScheduleDefinition(cron: sample.cron, timeZone: stretch.zone)
        let mode = try #require(CatchUp.Mode.allCases.randomElement(using: &generator))
        // Whatever comes while nobody looks is then begun, however late.
        let beginsAll = mode == .each && generator.next() % 2 == 0
        definition.catchUp = CatchUp(mode, window: beginsAll ? 20 * 86_400 : Double(generator.next() % 40_000))
        definition.overlap = beginsAll ? .allow : .skip
        definition.jitterSeconds = Int(generator.next() % 3) * 300
        let rules = try definition.rules()
        let end = Date(timeIntervalSince1970: Double(stretch.to))
        var now = Date(timeIntervalSince1970: Double(stretch.from))
        var due = rules.calculator.next(after: now.addingTimeInterval(-1))
        var seen: [Int] = []
        var begun: [Int] = []
        // Beyond the end by what jitter can hold back.
        while now < end.addingTimeInterval(3600) {
            now.addTimeInterval(gap(stretch, using: &generator))
            while let planned = due, rules.start(of: planned, key: "s") <= now {
                // A scheduler that is killed before its commit has decided nothing.
                if generator.next() % 5 == 0 { continue }
                let part = FiringPolicy.due(rules, from: planned.instant, now: now, key: "s")
                var situation = FiringPolicy.Situation()
                let decision = FiringPolicy.decide(
                    part, rules: rules, situation: &situation, now: now, key: "s", newJob: { .random() })
                seen += decision.entries.map { Int($0.occurrence.instant.timeIntervalSince1970) }
                for entry in decision.entries where entry.outcome == .started {
                    begun.append(Int(entry.occurrence.instant.timeIntervalSince1970))
                    let late = now.timeIntervalSince(rules.start(of: entry.occurrence, key: "s"))
                    #expect(late <= rules.catchUp.latest, "\(stretch) \(sample.cron) seed \(seed)")
                }
                due = part.next
            }
        }
        for (name, all) in [("decided", seen)] + (beginsAll ? [("begun", begun)] : []) {
            let fired = all.filter { $0 < stretch.to }
            if fired != expected {
                let lost = Set(expected).subtracting(fired).sorted().prefix(3)
                let extra = Set(fired).subtracting(expected).sorted().prefix(3)
                Issue.record("\(stretch) \(sample.cron), TEST_SEED=\(seed), \(name): lost \(lost), more \(extra)")
            }
        }
    }

    /// Mostly a few hours, at times seconds or days; a year is looked at less often than a night.
    private static func gap(_ stretch: Stretch, using generator: inout SeededGenerator) -> TimeInterval {
        let scale: UInt64 = stretch.to - stretch.from > 10 * 86_400 ? 400_000 : 20_000
        return Double(generator.next() % (generator.next() % 4 == 0 ? 120 : scale)) + 1
    }
}

/// A generator that a seed makes repeatable.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &+ 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
