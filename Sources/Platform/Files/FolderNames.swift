/// What is in a folder.
public enum FolderNames {
    /// Calls `body` with each name in a folder but `.` and `..`, in no order, for as long as it says so.
    ///
    /// - Parameters:
    ///   - path: the folder
    ///   - body: gets a name, and whether it is UTF-8: one that is not comes repaired, and another file may be called so
    /// - Returns: false where the folder can't be read, with the reason in errno
    @discardableResult
    public static func each<E: Error>(
        in path: String, _ body: (_ name: String, _ isUTF8: Bool) throws(E) -> Bool
    ) throws(E) -> Bool {
        guard let entries = opendir(path) else { return false }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            // The name ends with a NUL inside the array.
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in Array(bytes.prefix { $0 != 0 }) }
            let name = String(decoding: bytes, as: UTF8.self)
            guard !name.hasBytes(of: "."), !name.hasBytes(of: "..") else { continue }
            guard try body(name, name.utf8.elementsEqual(bytes)) else { break }
        }
        return true
    }
}
