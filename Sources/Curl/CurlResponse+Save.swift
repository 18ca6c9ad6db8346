import Glibc
package import HTTPTypes

extension CurlResponse {
    /// Writes the body to `path`, which appears at the end and whole, or not at all: until then it is `path` + `.part`.
    ///
    /// One writer per path at a time. Not synced to disk: whoever needs it to survive a power cut syncs it.
    /// - Parameter limit: bytes; one more is `.tooLarge`.
    /// - Returns: bytes written.
    /// - Throws: `.unwritableFile`, `.tooLarge`, and whatever ends the transfer early; nothing is left behind then.
    package func save(to path: String, limit: Int64) async throws(CurlError) -> Int64 {
        let partial = path + ".part"
        let descriptor = unsafe open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw body.failure(.unwritableFile, detail: "open: \(lastSystemError())") }
        do throws(CurlError) {
            let count = try await write(to: descriptor, limit: limit)
            guard close(descriptor) == 0, unsafe rename(partial, path) == 0 else {
                throw body.failure(.unwritableFile, detail: "rename: \(lastSystemError())")
            }
            return count
        } catch {
            // Closing twice would be another file's descriptor: only if the first close was not reached.
            unsafe unlink(partial)
            throw error
        }
    }

    private func write(to descriptor: Int32, limit: Int64) async throws(CurlError) -> Int64 {
        var total: Int64 = 0
        do throws(CurlError) {
            for try await chunk in body {
                total += Int64(chunk.count)
                guard total <= limit else { throw body.tooLarge(Int(limit)) }
                guard unsafe chunk.withUnsafeBytes({ unsafe writeAll($0, to: descriptor) }) else {
                    throw body.failure(.unwritableFile, detail: "write: \(lastSystemError())")
                }
            }
        } catch {
            close(descriptor)
            throw error
        }
        return total
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
        var rest = unsafe bytes[...]
        while unsafe !rest.isEmpty {
            let count = unsafe Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 {
                guard errno == EINTR else { return false }
                continue
            }
            unsafe rest = unsafe rest.dropFirst(count)
        }
        return true
    }
}

extension CurlClient {
    /// Sends the request and saves the answer's body as `CurlResponse.save(to:limit:)` does.
    ///
    /// An answer that is not 2xx is returned, but nothing of it is written: an error page must not lie where data is
    /// expected.
    /// - Returns: the head, and the bytes written (0 if not 2xx).
    package func download(
        _ request: HTTPRequest,
        to path: String,
        limit: Int64,
        options: CurlRequestOptions = CurlRequestOptions()
    ) async throws(CurlError) -> (HTTPResponse, Int64) {
        let response = try await send(request, options: options)
        guard response.head.status.kind == .successful else { return (response.head, 0) }
        return (response.head, try await response.save(to: path, limit: limit))
    }
}

private func lastSystemError() -> String { unsafe String(cString: strerror(errno)) }
