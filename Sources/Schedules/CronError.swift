/// A cron expression that cannot be read: which field, where in the text, and what may stand there.
package struct CronError: Error, Hashable, CustomStringConvertible {
    /// The expression as it was given.
    package let expression: String
    /// 1 for the minute to 5 for the day of week; nil if the expression as a whole is wrong.
    package let field: Int?
    /// Where the fault begins, counted in characters from 1.
    package let column: Int
    /// The fault and what is allowed instead, as sentences.
    package let problem: String

    /// One line for logs and answers.
    package var description: String {
        "\(problem) It stands at character \(column) of '\(expression)'."
    }

    /// Three lines for a terminal: the expression, a caret under the fault, and the problem.
    package var pointer: String {
        "\(expression)\n\(String(repeating: " ", count: max(column - 1, 0)))^\n\(problem)"
    }
}
