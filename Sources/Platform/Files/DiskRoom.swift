/// Bytes of the disk that a folder is on.
package struct DiskRoom: Sendable {
    /// Those that whoever is not root may still use.
    package var free: Int
    /// All that it has.
    package var total: Int

    /// So many bytes.
    package init(free: Int, total: Int) { (self.free, self.total) = (free, total) }

    /// What the file system of a folder says; nil where it can't be asked.
    package init?(of folder: String) {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let unit = Int(status.f_frsize)
        self.init(free: Int(status.f_bavail) * unit, total: Int(status.f_blocks) * unit)
    }
}
