import DequeModule

/// Which deliveries of one connection are not settled yet, and how few frames settle some of them; pure.
///
/// Tags count from 1 without gaps. One frame can acknowledge everything up to a tag, so deliveries that complete the
/// run at the front go out as one; others must be named one by one, as something older is still being worked on.
struct SettlementStateMachine {
    /// One frame: this tag, or everything unsettled up to it.
    struct Settlement: Equatable {
        let tag: UInt64
        let multiple: Bool
    }

    private enum Mark {
        case unsettled
        case settling
        case settled
    }

    private var marks: Deque<Mark> = []
    // The tag of the first mark; everything before is settled.
    private var base: UInt64 = 1

    private(set) var unsettled = 0

    /// Takes note of the next delivery.
    mutating func delivered(tag: UInt64) {
        if marks.isEmpty { base = tag }
        // A gap would be the broker's error; it costs nothing to be right about the later tags.
        while base + UInt64(marks.count) < tag { marks.append(.settled) }
        marks.append(.unsettled)
        unsettled += 1
    }

    /// Settles these tags and says with which frames. Tags settled before, or never delivered, are left out.
    mutating func settle(_ tags: some Sequence<UInt64>) -> [Settlement] {
        var taken: [UInt64] = []
        for tag in tags where tag >= base && tag < base + UInt64(marks.count) {
            let position = Int(tag - base)
            guard marks[position] == .unsettled else { continue }
            marks[position] = .settling
            taken.append(tag)
        }
        unsettled -= taken.count
        guard !taken.isEmpty else { return [] }
        var frontTag: UInt64?
        var frontCount = 0
        while let first = marks.first, first != .unsettled {
            // The tag named must be one that the broker still holds, so a run may end before the last mark removed.
            if first == .settling {
                frontTag = base
                frontCount += 1
            }
            marks.removeFirst()
            base += 1
        }
        var settlements: [Settlement] = []
        if let frontTag { settlements.append(Settlement(tag: frontTag, multiple: frontCount > 1)) }
        if frontCount < taken.count {
            for tag in taken.sorted() where tag >= base {
                marks[Int(tag - base)] = .settled
                settlements.append(Settlement(tag: tag, multiple: false))
            }
        }
        return settlements
    }
}
