import FoundationEssentials

/// An authority made for the occasion, and a certificate of it for `localhost`; valid for two days, made by `openssl`.
package struct LocalRabbitMQCertificates: Sendable {
    /// PEM files.
    package let authorityFile: String
    /// Signed by the authority, for `localhost`.
    package let certificateFile: String
    /// The certificate's key, without a password.
    package let keyFile: String

    /// Makes all three in the folder, which must exist.
    /// - Throws: `ServerError` with `.preparationFailed`, when openssl is missing or refuses.
    package static func make(in folder: String) async throws -> LocalRabbitMQCertificates {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let files = LocalRabbitMQCertificates(
            authorityFile: folder + "/ca.pem", certificateFile: folder + "/server.pem", keyFile: folder + "/server.key")
        let extensions = folder + "/server.ext"
        try "subjectAltName=DNS:localhost\n".write(toFile: extensions, atomically: false, encoding: .utf8)
        let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try await openssl(
            ["req", "-x509", "-days", "2", "-subj", "/CN=Rosterline test authority", "-keyout", folder + "/ca.key"]
                + newKey + ["-out", files.authorityFile])
        try await openssl(
            ["req", "-subj", "/CN=localhost", "-keyout", files.keyFile] + newKey + ["-out", folder + "/server.csr"])
        try await openssl([
            "x509", "-req", "-days", "2", "-in", folder + "/server.csr", "-CA", files.authorityFile,
            "-CAkey", folder + "/ca.key", "-CAcreateserial", "-extfile", extensions, "-out", files.certificateFile,
        ])
        return files
    }

    private static func openssl(_ arguments: [String]) async throws {
        let (status, output) = try await LocalServerProcess.run(["openssl"] + arguments)
        guard status == 0 else {
            throw ServerError(
                .preparationFailed, operation: "openssl \(arguments[0])", remedy: "Run: apt-get install openssl",
                log: String(output.suffix(1000)))
        }
    }
}
