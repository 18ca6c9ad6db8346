import CAssets

/// The files that the program carries with it; see `CAssets.c`.
package enum Assets {
    /// One of them.
    package struct Asset: Sendable {
        /// Path from the top of the repository.
        package let path: String
        package let bytes: [UInt8]
    }

    /// All of them, in the order of `CAssets.c`.
    package static let all: [Asset] = unsafe UnsafeBufferPointer(start: assets_first(), count: assets_count()).map {
        asset in
        unsafe Asset(
            path: String(cString: asset.path), bytes: Array(UnsafeBufferPointer(start: asset.bytes, count: asset.count))
        )
    }

    /// The file at a path, or nil.
    package static func bytes(of path: String) -> [UInt8]? {
        all.first { $0.path == path }?.bytes
    }
}
