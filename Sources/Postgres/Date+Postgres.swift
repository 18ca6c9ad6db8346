package import FoundationEssentials

/// `Date` as timestamptz: to the microsecond, which is all the server keeps.
///
/// `distantPast` and `distantFuture` are sent as they are; the server's `-infinity` and `infinity` are read as these
/// two. What is beyond the server's years is refused by it. A date or a timestamp without time zone is read as UTC.
extension Date: PostgresArrayElement, PostgresDecodable {
    package static var postgresType: UInt32 { 1184 }
    package static var postgresArrayType: UInt32 { 1185 }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        let microseconds = Int64(max(-9e18, min(9e18, (timeIntervalSince1970 * 1_000_000).rounded())))
        let (days, ofDay) = microseconds.quotientAndPositiveRemainder(86_400_000_000)
        let (year, month, day) = Self.civil(fromDays: days)
        let seconds = ofDay / 1_000_000
        let isBeforeChrist = year <= 0
        bytes.append(isBeforeChrist ? 1 - year : year, digits: 4)
        bytes.append(UInt8(ascii: "-"))
        bytes.append(month, digits: 2)
        bytes.append(UInt8(ascii: "-"))
        bytes.append(day, digits: 2)
        bytes.append(UInt8(ascii: " "))
        bytes.append(seconds / 3600, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(seconds / 60 % 60, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(seconds % 60, digits: 2)
        bytes.append(UInt8(ascii: "."))
        bytes.append(ofDay % 1_000_000, digits: 6)
        bytes += (isBeforeChrist ? "+00 BC" : "+00").utf8
        return true
    }

    package init?(postgresText text: Span<UInt8>) {
        var reader = Reader()
        if text.count >= 8, text[text.count - 1] == UInt8(ascii: "y") {
            self = text[0] == UInt8(ascii: "-") ? .distantPast : .distantFuture
            return
        }
        guard let year = reader.number(in: text), reader.take("-", in: text), let month = reader.number(in: text),
            reader.take("-", in: text),
            let day = reader.number(in: text)
        else { return nil }
        var microseconds = Self.days(year: year, month: month, day: day) * 86_400_000_000
        if reader.take(" ", in: text) {
            guard let hour = reader.number(in: text), reader.take(":", in: text), let minute = reader.number(in: text),
                reader.take(":", in: text),
                let second = reader.number(in: text)
            else { return nil }
            microseconds += ((hour * 60 + minute) * 60 + second) * 1_000_000
            if reader.take(".", in: text) { microseconds += reader.fraction(in: text) }
            microseconds -= reader.zoneSeconds(in: text) * 1_000_000
        }
        guard reader.index == text.count else { return nil }
        self.init(timeIntervalSince1970: Double(microseconds) / 1_000_000)
    }

    // The calendar arithmetic counts in eras of 400 years that begin on 1 March, so that the leap day comes last.

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, ofEra) = shifted.quotientAndPositiveRemainder(400)
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, ofEra) = (days + 719_468).quotientAndPositiveRemainder(146_097)
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * ofYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, ofYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// A place in the text. The text is passed in each time, since a span cannot be kept.
    private struct Reader {
        var index = 0

        mutating func take(_ character: Unicode.Scalar, in text: Span<UInt8>) -> Bool {
            guard index < text.count, text[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        mutating func number(in text: Span<UInt8>) -> Int64? {
            let start = index
            var value: Int64 = 0
            while index < text.count, index - start < 9, case let digit = text[index] &- 48, digit <= 9 {
                value = value * 10 + Int64(digit)
                index += 1
            }
            return index > start ? value : nil
        }

        /// Microseconds, from up to six digits.
        mutating func fraction(in text: Span<UInt8>) -> Int64 {
            let start = index
            var value = number(in: text) ?? 0
            for _ in (index - start)..<max(6, index - start) { value *= 10 }
            return value
        }

        /// From `+hh`, `-hh:mm` or `+hh:mm:ss`; nothing is UTC.
        mutating func zoneSeconds(in text: Span<UInt8>) -> Int64 {
            let isNegative = take("-", in: text)
            guard isNegative || take("+", in: text) else { return 0 }
            var seconds = (number(in: text) ?? 0) * 3600
            if take(":", in: text) { seconds += (number(in: text) ?? 0) * 60 }
            if take(":", in: text) { seconds += number(in: text) ?? 0 }
            return isNegative ? -seconds : seconds
        }
    }
}

extension Int64 {
    fileprivate func quotientAndPositiveRemainder(_ divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension [UInt8] {
    /// Decimal, filled with zeros to at least so many digits.
    fileprivate mutating func append(_ number: Int64, digits: Int) {
        let text = String(number).utf8
        for _ in text.count..<Swift.max(digits, text.count) { append(UInt8(ascii: "0")) }
        self += text
    }
}
