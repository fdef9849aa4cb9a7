import Platform

/// What was among the files of bodies and belonged to no job when a process began. It is set aside, not removed, in case it
/// was the database that lacked something: for a day, and as long as it takes little room.
struct Strays: Sendable {
    private static let mostBytes = 256 << 20
    private static let seconds = 86_400

    let places: StatePlaces

    /// Sets all files aside but those that are `known`; says how many.
    ///
    /// - Parameter start: when this process got the folder; what is younger is somebody's who should not be there, and
    ///   stays
    func setAside(keeping known: Set<String>, writtenBefore start: FileTime) -> Int {
        let names = Directory.names(in: places.files).filter { name in
            guard !known.contains(name), let mark = FileMark(path: places.files + "/" + name) else { return false }
            return mark.modified <= start.nanoseconds
        }
        guard !names.isEmpty else { return 0 }
        mkdir(places.strays, 0o700)
        // One that can't be moved stays where it is.
        for name in names { rename(places.files + "/" + name, places.strays + "/" + name) }
        return names.count
    }

    /// Removes those that were set aside for long enough, and the oldest of too many.
    ///
    /// - Parameter free: the bytes that are free on the disk
    func trim(free: Int) {
        let found = Directory.names(in: places.strays).compactMap { name -> (path: String, bytes: Int, time: Int)? in
            var status = stat()
            let path = places.strays + "/" + name
            // Moving a file changes its status, not what is in it.
            guard lstat(path, &status) == 0 else { return nil }
            return (path, Int(status.st_blocks) * 512, Int(status.st_ctim.tv_sec))
        }
        let now = Int(time(nil))
        var room = min(Self.mostBytes, free / 4)
        for stray in found.sorted(by: { $0.time > $1.time }) {
            if now - stray.time < Self.seconds, stray.bytes <= room {
                room -= stray.bytes
            } else {
                unlink(stray.path)
            }
        }
        rmdir(places.strays)
    }
}
