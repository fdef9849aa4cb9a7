/// Where a path leads, without links and steps back.
public enum CanonicalPath {
    /// Of what is there; nil, with `errno`, where nothing is.
    public static func of(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard realpath(path, &buffer) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether a file or folder, there or yet to be made, is a folder or within it, whatever links lead there.
    public static func isWithin(_ path: String, folder: String) -> Bool {
        var place = path[...]
        while true {
            if let known = of(place.isEmpty ? "." : String(place)) { return isBelow(known, folder) }
            // What is not there yet is where its folder is.
            guard let slash = place.utf8.lastIndex(of: ASCII.slash) else {
                if place.isEmpty { return false }
                place = ""
                continue
            }
            place = slash == place.startIndex && place.utf8.count > 1 ? "/" : place[..<slash]
        }
    }

    private static func isBelow(_ known: String, _ folder: String) -> Bool {
        var place = known[...]
        while true {
            if AtomicFile.isSameFile(place.isEmpty ? "/" : String(place), folder) { return true }
            guard let slash = place.utf8.lastIndex(of: ASCII.slash) else { return false }
            place = place[..<slash]
        }
    }
}
