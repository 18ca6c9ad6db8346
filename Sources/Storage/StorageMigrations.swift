import CAssets
package import Postgres

/// The numbered SQL files of `schemas/migrations`, embedded in the program.
package enum StorageMigrations {
    private static let folder = "schemas/migrations/V"

    /// All migrations in the order of their versions.
    package static let all: [Migration] = embedded()

    /// The version that this program needs the database to have.
    package static var version: Int { all.last?.version ?? 0 }

    private static func embedded() -> [Migration] {
        Assets.all.compactMap { asset in
            guard asset.path.hasPrefix(folder) else { return nil }
            let name = asset.path.dropFirst(folder.count).dropLast(".sql".count)
            let parts = name.split(separator: "_", maxSplits: 1)
            guard parts.count == 2, let version = Int(parts[0]) else { return nil }
            return Migration(
                version: version, name: String(parts[1]), sql: String(decoding: asset.bytes, as: UTF8.self))
        }.sorted { $0.version < $1.version }
    }
}
