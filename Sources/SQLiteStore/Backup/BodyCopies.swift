import Platform

/// The large bodies of a backup. They are written once and then only removed, so that another name for one is as good as a
/// copy; where there can be none, as on another file system, it is copied.
struct BodyCopies {
    let source: String
    let target: String
    private(set) var names: Set<String> = []
    /// The bytes of all of them.
    private(set) var bytes = 0

    init(from source: String, to target: String) {
        self.source = source
        self.target = target
    }

    /// Takes all bodies that are there and were not taken before. One that goes meanwhile is left out.
    mutating func takeAll() throws(FileError) {
        // What is being written has a name that begins with a dot.
        for name in Directory.names(in: source, where: { !$0.begins(with: ".") }) where !names.contains(name) {
            try take(name)
        }
    }

    /// Lets go of those that no row names.
    mutating func keep(_ known: Set<String>) {
        for name in names.subtracting(known) { unlink(target + "/" + name) }
        names.formIntersection(known)
        bytes = names.reduce(0) { $0 + (FileMark(path: target + "/" + $1)?.bytes ?? 0) }
    }

    private mutating func take(_ name: String) throws(FileError) {
        let (from, to) = (source + "/" + name, target + "/" + name)
        if link(from, to) == 0 {
            names.insert(name)
            return
        }
        let body: OpenFile
        do throws(FileError) { body = try OpenFile(path: from) } catch {
            if case .noSuchFile = error { return }
            throw error
        }
        var copy = try AtomicFile(path: to)
        try body.forEachPiece {
            $0
        } _: { (piece) throws(FileError) in
            try copy.write(piece)
        }
        try copy.commit()
        names.insert(name)
    }
}
