import Platform

/// A file or a folder, whatever it is called.
struct FileIdentity: Hashable {
    private let device: UInt64
    private let number: UInt64

    /// Nil where nothing is.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, number) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }
}
