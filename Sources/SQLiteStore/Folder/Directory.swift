import Platform

/// What is in a folder.
enum Directory {
    /// The names in a folder but `.` and `..`, in no order; none where it can't be read.
    ///
    /// - Parameters:
    ///   - most: how many of those that fit are read
    ///   - fits: which ones count
    static func names(in path: String, most: Int = .max, where fits: (String) -> Bool = { _ in true }) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while names.count < most, let entry = readdir(directory) {
            // The name ends with a NUL inside the array.
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != "..", fits(name) { names.append(name) }
        }
        return names
    }
}
