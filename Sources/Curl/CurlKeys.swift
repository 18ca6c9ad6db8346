/// Names of the log fields this module writes; the only place where they are spelled.
package enum CurlKeys {
    package enum Log {
        /// Method and address without query and user information, as query values may be secrets.
        package static let operation = "http.operation"
        /// The status of the answer, a number.
        package static let status = "http.status"
        /// The case of `CurlError.Code`.
        package static let code = "curl.error.code"
        /// libcurl's own number, see `man libcurl-errors`.
        package static let curlCode = "curl.code"
    }
}
