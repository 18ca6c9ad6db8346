/// Where a secret is, which may be shown to anybody and stands in configuration and database instead of the secret.
package enum SecretReference: Sendable, Hashable {
    /// `env:NAME`: a variable of this process's environment.
    case environment(String)
    /// `file:/absolute/path`: a file, such as a mounted Kubernetes secret; one line.
    case file(String)

    /// - Throws: `SecretError` with `.malformedReference`; what was given is not repeated, as it may be the secret
    ///   itself.
    package init(parsing text: String) throws(SecretError) {
        if let name = Self.rest(of: text, after: "env:"), Self.isVariableName(name) {
            self = .environment(name)
        } else if let path = Self.rest(of: text, after: "file:"), path.hasPrefix("/"), path.count > 1,
            !path.contains("\0")
        {
            self = .file(path)
        } else {
            throw SecretError(.malformedReference, reference: "")
        }
    }

    private static func rest(of text: String, after prefix: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }

    private static func isVariableName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f
        }
    }
}

extension SecretReference: CustomStringConvertible {
    /// As it is written in configuration.
    package var description: String {
        switch self {
        case .environment(let name): "env:\(name)"
        case .file(let path): "file:\(path)"
        }
    }
}

/// Why a secret cannot be had. It never holds the value.
package struct SecretError: Error, Sendable, Equatable {
    /// What callers act on.
    package enum Code: String, Sendable, CaseIterable {
        /// Neither `env:NAME` nor `file:/path`.
        case malformedReference
        /// No such variable, or no such file.
        case missing
        /// The file may not be read.
        case unreadable
        /// Nothing in it.
        case empty
        /// More than 64 KiB, or no UTF-8 text: not a secret.
        case notText
    }

    package let code: Code
    /// As written in configuration; empty if it could not be parsed.
    package let reference: String
    /// What a person can do about it.
    package let remedy: String

    init(_ code: Code, reference: String) {
        self.code = code
        self.reference = reference
        remedy = Self.remedy(code)
    }

    /// A mounted secret may be missing for a moment while it is replaced.
    package var isTransient: Bool { code == .missing || code == .empty }

    private static func remedy(_ code: Code) -> String {
        switch code {
        case .malformedReference:
            "Write env:NAME or file:/absolute/path; a secret itself never stands in configuration."
        case .missing: "Set the variable, or mount the file, where this program runs."
        case .unreadable: "Let the user of this program read the file."
        case .empty: "Put the secret there; it is empty."
        case .notText: "Put one line of text there, at most 64 KiB."
        }
    }
}

extension SecretError: CustomStringConvertible {
    package var description: String {
        "\(code.rawValue)\(reference.isEmpty ? "" : " at \(reference)"): \(remedy)"
    }
}
