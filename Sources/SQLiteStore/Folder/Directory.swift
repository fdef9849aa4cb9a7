import Platform

/// What is in a folder.
enum Directory {
    /// The names in a folder but `.` and `..`, in no order; none where it can't be read.
    ///
    /// - Parameters:
    ///   - most: how many of those that fit are read
    ///   - fits: which ones count
    static func names(in path: String, most: Int = .max, where fits: (String) -> Bool = { _ in true }) -> [String] {
        var names: [String] = []
        FolderNames.each(in: path) { name, _ in
            if names.count < most, fits(name) { names.append(name) }
            return names.count < most
        }
        return names
    }
}
