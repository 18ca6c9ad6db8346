internal import CSV
package import Foundation

/// A day of the calendar, without a time or a zone.
package struct CalendarDay: Sendable, Codable, Hashable, Comparable {
    /// Days since 1 January 1970.
    package let number: Int32

    /// A day by its number.
    package init(number: Int32) {
        self.number = number
    }

    /// A day by year (1 to 9999), month and day; nil if the calendar has none such.
    package init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1 && day <= Self.length(month, of: year)
        else {
            return nil
        }
        // Howard Hinnant's civil calendar: years begin in March, so that the leap day is a year's last.
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        number = Int32(era * 146_097 + dayOfEra - 719_468)
    }

    /// The day it is now in a time zone.
    package static func today(in zone: String, at date: Date = Date()) -> CalendarDay? {
        guard let zone = TimeZone(identifier: zone) else { return nil }
        let seconds = date.timeIntervalSince1970 + Double(zone.secondsFromGMT(for: date))
        return CalendarDay(number: Int32((seconds / 86_400).rounded(.down)))
    }

    /// Earlier before later.
    package static func < (left: CalendarDay, right: CalendarDay) -> Bool { left.number < right.number }

    private static func length(_ month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// How a date stands in a field.
enum DateReading: Equatable {
    /// Nothing is there.
    case blank
    /// As the standard has it.
    case exact(CalendarDay)
    /// In another form that leaves no doubt.
    case otherForm(CalendarDay)
    /// Not to be understood.
    case unknown

    /// The day, if there is one.
    var day: CalendarDay? {
        switch self {
        case .exact(let day), .otherForm(let day): day
        case .blank, .unknown: nil
        }
    }

    /// Reads a trimmed field.
    init(_ field: ByteView, order: ConversionRules.DateOrder) {
        guard !field.isEmpty else {
            self = .blank
            return
        }
        if field.count >= 10 && field[4] == 0x2D && field[7] == 0x2D {
            let day = CalendarDay(
                year: Self.number(field, 0, 4), month: Self.number(field, 5, 7), day: Self.number(field, 8, 10))
            let isAlone = field.count == 10
            let isDateTime = field.count > 10 && (field[10] == 0x54 || field[10] == 0x20)
            self = day.map { isAlone ? .exact($0) : isDateTime ? .otherForm($0) : .unknown } ?? .unknown
            return
        }
        self = Self.slashed(field, order).map { .otherForm($0) } ?? .unknown
    }

    private static func number(_ field: ByteView, _ start: Int, _ end: Int) -> Int {
        var value = 0
        for index in start..<end {
            let digit = Int(field[index]) - 0x30
            guard (0...9).contains(digit) else { return -1 }
            value = value * 10 + digit
        }
        return end > start && end - start <= 4 ? value : -1
    }

    private static func slashed(_ field: ByteView, _ order: ConversionRules.DateOrder) -> CalendarDay? {
        guard order != .refused, field.count <= 10, let first = field.firstIndex(of: 0x2F),
            let second = field.firstIndex(of: 0x2F, from: first + 1), field.count - second == 5
        else { return nil }
        let (one, two) = (number(field, 0, first), number(field, first + 1, second))
        let year = number(field, second + 1, field.count)
        let (month, day) = order == .monthDayYear ? (one, two) : (two, one)
        return CalendarDay(year: year, month: month, day: day)
    }
}
