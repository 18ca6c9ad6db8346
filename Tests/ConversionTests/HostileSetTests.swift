import Conversion
import Foundation
import OneRoster
import Testing

@Suite(.timeLimit(.minutes(5)))
struct HostileSetTests {
    /// A generator with a seed, so that a failing set can be made again.
    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % sides
        }

        mutating func pick(_ words: [String]) -> String { words[roll(words.count)] }
    }

    private static let ids = ["", "a", "b", "c", "A", "ä", "d e", "x1", "x2", "x3", "x4", "x5", "x6", "\"q,\"\"r\""]
    private static let words: [String: [String]] = [
        "status": ["", "", "", "active", "tobedeleted", "ACTIVE", "inactive", "odd"],
        "role": ["student", "teacher", "Teacher", "aide", "parent", "proctor", "professor", "", "elf"],
        "type": ["school", "district", "department", "term", "semester", "gradingPeriod", "yurt", ""],
        "date": ["", "2026-01-01", "2026-09-01", "2026-12-31", "2027-06-30", "9/9/2026", "0000-00-00", "9999-12-31"],
        "bool": ["", "true", "false", "TRUE", "0", "x"],
    ]

    private func cell(_ column: Substring, _ dice: inout Dice) -> String {
        switch column {
        case "status": dice.pick(Self.words["status"] ?? [])
        case "role": dice.pick(Self.words["role"] ?? [])
        case "type", "classType": dice.pick(Self.words["type"] ?? [])
        case "startDate", "endDate", "beginDate", "dateLastModified": dice.pick(Self.words["date"] ?? [])
        case "primary", "enabledUser": dice.pick(Self.words["bool"] ?? [])
        case "termSourcedIds", "agentSourcedIds": "\"\(dice.pick(["a", "b", "c"])),\(dice.pick(["x1", "", "zz"]))\""
        default: dice.pick(Self.ids)
        }
    }

    private func table(_ text: String, _ dice: inout Dice) -> String {
        let header = text.split(separator: "\n")[0]
        let columns = header.split(separator: ",", omittingEmptySubsequences: false)
        var lines = [String(header)]
        for _ in 0..<dice.roll(60) {
            var cells = columns.map { cell($0, &dice) }
            switch dice.roll(12) {
            case 0: cells.removeLast()
            case 1: cells.append(dice.pick(["", "extra"]))
            case 2: cells = Array(cells.prefix(dice.roll(cells.count) + 1))
            case 3: cells[dice.roll(cells.count)] = "a\0b"
            case 4: cells[dice.roll(cells.count)] = "5\" pipe"
            default: break
            }
            lines.append(cells.joined(separator: ","))
        }
        return lines.joined(separator: dice.pick(["\n", "\r\n", "\r"]))
    }

    @Test(arguments: 1...60)
    func `every row of any set is converted or named`(seed: Int) throws {
        var dice = Dice(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15)
        var files = School.files()
        for (name, text) in School.files().sorted(by: { $0.key < $1.key }) where name != "manifest.csv" {
            if dice.roll(8) == 0 { files[name] = nil } else { files[name] = table(text, &dice) }
        }
        if dice.roll(3) == 0 {
            files["manifest.csv"] = School.manifest.replacingOccurrences(
                of: "bulk", with: dice.pick(["delta", "bulk", "odd"]))
        }
        var rules = ConversionRules()
        rules.observers = dice.roll(2) == 0
        rules.usersChoice = dice.roll(2) == 0 ? .all : .enrolled
        rules.exportHomerooms = dice.roll(2) == 0
        do {
            let scene = try ConversionScene(files, rules: rules)
            #expect(try scene.gaps() == [])
            guard files["users.csv"] != nil, scene.snapshot.table(.users) != nil else { return }
            let known = try scene.column("users.csv", "user_id")
            #expect(known == known.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
            #expect(Set(known).count == known.count)
        } catch let error as RosterError {
            #expect([.noRows, .malformedCSV].contains(error.code), "\(error)")
        }
    }

    @Test(arguments: 1...40)
    func `a set cut or garbled anywhere ends in an error or adds up`(seed: Int) throws {
        var dice = Dice(state: UInt64(seed) &* 0xD129_42F0_9C5A_7B31)
        var files = School.files()
        let name = dice.pick(files.keys.sorted())
        var bytes = Array((files[name] ?? "").utf8)
        if dice.roll(2) == 0 {
            bytes = Array(bytes.prefix(dice.roll(bytes.count)))
        } else {
            for _ in 0..<8 { bytes[dice.roll(bytes.count)] = [0x22, 0x2C, 0x0A, 0x00, 0x5A][dice.roll(5)] }
        }
        files[name] = String(decoding: bytes, as: UTF8.self)
        do {
            let scene = try ConversionScene(files)
            #expect(try scene.gaps() == [])
        } catch let error as RosterError {
            #expect(!error.remedy.isEmpty)
        }
    }

    @Test func `a district of the demo's size converts in a moment`() throws {
        var users = String(School.users.split(separator: "\n")[0]) + "\n"
        for index in 0..<5000 {
            users += "user-\(4999 - index),,,true,s1,student,login\(index),,Given,Family,,,,,,,,\n"
        }
        var enrollments = String(School.enrollments.split(separator: "\n")[0]) + "\n"
        for index in 0..<30_000 {
            enrollments += "en-\(index),,,c\(index % 2 + 1),s1,user-\(index * 7 % 5000),student,false,,\n"
        }
        let start = ContinuousClock.now
        let scene = try ConversionScene(School.files(["users.csv": users, "enrollments.csv": enrollments]))
        #expect(try scene.gaps() == [])
        #expect(scene.count(.users)?.converted == 5000)
        #expect(ContinuousClock.now - start < .seconds(120), "what takes the square of the rows takes longer")
    }
}
