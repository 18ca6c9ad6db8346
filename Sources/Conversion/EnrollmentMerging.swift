/// Decides what becomes of several enrolments of one user in one class: pure.
///
/// Canvas holds one enrolment for each section, user and role. Records of the same role whose times touch or overlap
/// become one; of those that do not, the one that is running counts, else the latest. A user who is student and teacher
/// is teacher.
enum EnrollmentMerging {
    /// Why a record is not written itself.
    enum Reason: Equatable {
        /// It went into another one.
        case merged
        /// Another one counts.
        case outweighed
        /// The user teaches the class.
        case teaches
    }

    struct Result {
        var kept: [EnrollmentRecord] = []
        var dropped: [(record: EnrollmentRecord, reason: Reason)] = []
    }

    /// Takes the records of one user in one class, in the order of roles and rows.
    static func resolve(_ records: [EnrollmentRecord], on day: CalendarDay) -> Result {
        var result = Result()
        let teaches = records.contains { $0.role == .teacher && !$0.isDeleted }
        var start = 0
        while start < records.count {
            var end = start + 1
            while end < records.count && records[end].role == records[start].role { end += 1 }
            let same = Array(records[start..<end])
            if records[start].role == .student && teaches {
                result.dropped += same.map { ($0, .teaches) }
            } else {
                resolveRole(same, on: day, &result)
            }
            start = end
        }
        return result
    }

    private static func resolveRole(_ records: [EnrollmentRecord], on day: CalendarDay, _ result: inout Result) {
        let live = records.filter { !$0.isDeleted }
        guard let first = live.first else {
            result.kept.append(records[0])
            result.dropped += records.dropFirst().map { ($0, .merged) }
            return
        }
        result.dropped += records.filter(\.isDeleted).map { ($0, .merged) }
        guard live.count > 1 else {
            result.kept.append(first)
            return
        }
        let spells = spells(of: live)
        let running = spells.first { spell in isRunning(spell.whole, on: day) }
        guard let chosen = running ?? spells.last else { return }
        result.kept.append(chosen.whole)
        for spell in spells {
            let isChosen = spell.whole.row == chosen.whole.row
            for record in spell.parts where record.row != chosen.whole.row {
                result.dropped.append((record, isChosen ? .merged : .outweighed))
            }
        }
    }

    /// Joins what touches or overlaps; in the order of time.
    private static func spells(of live: [EnrollmentRecord]) -> [(whole: EnrollmentRecord, parts: [EnrollmentRecord])] {
        var spells: [(whole: EnrollmentRecord, parts: [EnrollmentRecord])] = []
        for record in live.sorted(by: { ($0.begin, $0.row) < ($1.begin, $1.row) }) {
            guard var last = spells.popLast() else {
                spells.append((record, [record]))
                continue
            }
            if last.whole.end == EnrollmentRecord.noDay || record.begin <= last.whole.end {
                let isOpen = last.whole.end == EnrollmentRecord.noDay || record.end == EnrollmentRecord.noDay
                last.whole.end = isOpen ? EnrollmentRecord.noDay : max(last.whole.end, record.end)
                last.whole.isPrimary = last.whole.isPrimary || record.isPrimary
                last.parts.append(record)
                spells.append(last)
            } else {
                spells += [last, (record, [record])]
            }
        }
        return spells
    }

    private static func isRunning(_ record: EnrollmentRecord, on day: CalendarDay) -> Bool {
        (record.begin == EnrollmentRecord.noDay || record.begin <= day.number)
            && (record.end == EnrollmentRecord.noDay || record.end >= day.number)
    }
}
