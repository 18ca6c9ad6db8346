/// Why a zip could not be read or written.
package struct ArchiveError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure.
    package enum Code: String, Sendable, CaseIterable {
        /// The file cannot be opened.
        case unreadable
        /// The file is no zip.
        case notAnArchive
        /// The zip is cut short or its contents do not fit its checksums.
        case damaged
        /// An entry is encrypted.
        case encrypted
        /// More entries than ``ArchiveLimits/entries``.
        case tooManyEntries
        /// More uncompressed bytes than ``ArchiveLimits/totalBytes``.
        case tooLarge
        /// The contents are larger than ``ArchiveLimits/ratio`` times the zip: a zip bomb.
        case ratioTooHigh
        /// An entry's name leads out of the folder.
        case unsafePath
        /// A file could not be written.
        case writeFailed
    }

    /// What went wrong.
    package let code: Code

    /// The entry it went wrong at, if one is to blame.
    package let entry: String?

    /// The limit passed, or the library's words.
    package let detail: String

    /// A failure at an entry, or of the whole zip.
    package init(_ code: Code, entry: String? = nil, detail: String) {
        self.code = code
        self.entry = entry
        self.detail = detail
    }

    /// Whether the same call may succeed later: true for a file system that refused.
    package var isTransient: Bool { code == .writeFailed || code == .unreadable }

    /// What a person does about it.
    package var remedy: String {
        switch code {
        case .unreadable: "Check that the file exists and may be read."
        case .notAnArchive: "Send a .zip made by any ordinary archiver."
        case .damaged: "Export the zip again; it was cut short or changed on its way."
        case .encrypted: "Export the zip without a password."
        case .tooManyEntries: "Put only the roster's CSV files into the zip."
        case .tooLarge: "Raise the limit for this source if the size is meant."
        case .ratioTooHigh: "Check the zip: hardly any roster packs this well."
        case .unsafePath: "Put the files at the top of the zip, without folders."
        case .writeFailed: "Check the free space and the rights of the folder."
        }
    }

    /// Code, place, detail and remedy in one line.
    package var description: String {
        "zip \(code.rawValue)\(entry.map { " at \($0)" } ?? ""): \(detail). \(remedy)"
    }
}

/// What a zip may hold at most; the defaults are those of the largest consumers, which take no more either.
package struct ArchiveLimits: Sendable, Equatable {
    /// Entries, folders among them; default 64.
    package var entries = 64

    /// Uncompressed bytes of all entries; default 50 GB.
    package var totalBytes: UInt64 = 50_000_000_000

    /// Uncompressed bytes for each byte of the zip; default 200.
    package var ratio: UInt64 = 200

    /// Uncompressed bytes up to which the ratio is not looked at, since small tables may repeat a lot; default 16 MiB.
    package var ratioFloorBytes: UInt64 = 16 << 20

    /// The defaults.
    package init() {}
}
