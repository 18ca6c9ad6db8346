import Curl
import FoundationEssentials
import HTTPTypes
import Jobs
import OneRoster
import Secrets

/// Brings the roster to this machine: downloads it, or finds it where it lies.
struct RosterFetcher: Sendable {
    let http: CurlClient
    let limit: Int64

    /// Where the roster is now.
    enum Fetched: Sendable {
        /// Where it always lies: the zip or folder that the location names.
        case inPlace(RosterSource)
        /// In a zip of this attempt's.
        case downloaded
    }

    /// - Parameter target: the path of the zip, if it is to be downloaded.
    func fetch(_ source: IntegrationSettings.Source, into target: String) async throws -> Fetched {
        guard source.kind == "oneroster_csv" else {
            throw StepFailure(
                .permanent, code: "source.kind",
                message: "The source kind '\(source.kind)' is not known to this worker. Known: oneroster_csv.")
        }
        if let url = URL(string: source.location), let scheme = url.scheme?.lowercased(), scheme.hasPrefix("http") {
            try await download(url, scheme: scheme, token: source.token, to: target)
            return .downloaded
        }
        guard FileManager.default.fileExists(atPath: source.location) else {
            throw StepFailure(
                .permanent, code: "source.missing",
                message: "There is no roster at \(source.location). Check the path, and that the workers can read it.")
        }
        return .inPlace(RosterSource(path: source.location))
    }

    private func download(_ url: URL, scheme: String, token: String?, to target: String) async throws {
        let authority = (url.host ?? "") + (url.port.map { ":\($0)" } ?? "")
        let path = url.path(percentEncoded: true) + (url.query(percentEncoded: true).map { "?" + $0 } ?? "")
        var request = HTTPRequest(method: .get, scheme: scheme, authority: authority, path: path.isEmpty ? "/" : path)
        if let token {
            request.headerFields[.authorization] = "Bearer \(try Self.secret(token).reveal)"
        }
        do {
            let (head, _) = try await http.download(request, to: target, limit: limit)
            guard head.status.kind == .successful else { throw Self.failure(head, authority: authority) }
            if head.headerFields[.contentType]?.lowercased().hasPrefix("text/html") == true {
                throw StepFailure(
                    .permanent, code: "source.web_page",
                    message: "\(authority) answered with a web page, most likely to sign in, instead of a zip. "
                        + "Check the address and the source's token.")
            }
        } catch let error as CurlError {
            if error.code == .cancelled { throw CancellationError() }
            throw StepFailure(
                error.isTransient ? .transient : .permanent, code: "source.\(error.code.rawValue)",
                message: "Could not fetch the roster from \(authority): \(error).")
        }
    }

    static func secret(_ reference: String) throws -> Secret {
        do {
            return try SecretSource().read(SecretReference(parsing: reference))
        } catch {
            throw StepFailure(.permanent, code: "secret.unreadable", message: "\(error)")
        }
    }

    private static func failure(_ head: HTTPResponse, authority: String) -> StepFailure {
        let code = "source.http_\(head.status.code)"
        return switch head.status.code {
        case 401, 403:
            StepFailure(
                .permanent, code: code,
                message: "\(authority) refused the roster (\(head.status.code)). Renew the source's token.")
        case 404, 410:
            StepFailure(
                .permanent, code: code, message: "\(authority) has no roster at this address (\(head.status.code)).")
        case 408, 425, 429, 500...599:
            StepFailure(
                .transient, code: code, message: "\(authority) could not serve the roster now (\(head.status.code)).")
        default:
            StepFailure(
                .permanent, code: code, message: "\(authority) answered \(head.status.code) instead of the roster.")
        }
    }
}
