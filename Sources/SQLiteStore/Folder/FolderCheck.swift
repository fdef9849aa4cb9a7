import Dispatch
import Platform
import Synchronization

/// Looks whether what is in a state folder is all that was accepted, byte for byte, without changing any of it.
///
/// Three files bear witness beside the database and its log: the record of the last commit (`witness`), a sum for each page
/// of the database (`sums`), and the log itself, whose frames have sums. Where the log is not there, somebody else's SQLite
/// has had the database, since Vigil leaves an empty one: then its pages may be others, and it has to be whole by itself.
struct FolderCheck {
    /// What was found in a folder in which nothing is lacking.
    struct Whole {
        /// The sums of all pages as they are, where those that are kept can't be gone on with; nil where they can.
        var sums: [UInt64]?
        /// What the sums say of themselves then.
        var head = SumsHead()
        var witness = WitnessFile.Found.nothing
        /// What has to be told all the same.
        var notes: [String] = []
    }

    /// One thing that is wrong.
    struct Damage: Equatable {
        let path: String
        let reason: String

        var error: StateError { .damaged(path: path, reason: reason) }
    }

    let places: StatePlaces
    private let reading: OpenFile.Read
    private let boot = WorkFile.boot

    /// - Parameter reading: how the files are read
    init(_ places: StatePlaces, reading: @escaping OpenFile.Read = OpenFile.systemRead) {
        self.places = places
        self.reading = reading
    }

    /// What was found, or the first thing that is wrong.
    func run() throws(StateError) -> Whole {
        guard access(places.unfinished, F_OK) != 0 else {
            throw .damaged(
                path: places.folder, reason: "it is a backup that did not come to its end: remove it, and make another")
        }
        let found = try WitnessFile.read(places.witness, reading: reading)
        let log = size(places.log)
        guard let bytes = size(places.database), bytes > 0 else { return try nothing(found, log: log) }
        let (database, head) = try open()
        switch found {
        case .damaged(let reason): throw .damaged(path: places.witness, reason: reason)
        case .nothing:
            guard head.sequence == 0, size(places.sums) == nil else {
                throw .damaged(path: places.witness, reason: "it is not there, but what it tells of is")
            }
        case .record(let record, let isPartial) where record.sequence != 0:
            return try check(database, head, record, log: log, isPartial: isPartial)
        case .record: break
        }
        return try unwitnessed(database, head, found, log: log)
    }

    /// There is no database: right where nothing else is there either.
    private func nothing(_ found: WitnessFile.Found, log: Int?) throws(StateError) -> Whole {
        var isBegun = false
        if case .record(let record, _) = found { isBegun = record.sequence == 0 }
        let isNew = found == .nothing && size(places.sums) == nil && size(places.seal) == nil || isBegun
        // SQLite would begin anew, and remove the log with all that was committed to it.
        guard isNew, (log ?? 0) == 0 else {
            throw .damaged(path: places.database, reason: "it is empty or not there, but what belongs to it is")
        }
        return Whole(sums: [0], witness: found)
    }

    /// A database that no witness tells of, as one of an older Vigil: it has to be whole by itself.
    private func unwitnessed(
        _ database: OpenFile, _ head: DatabaseHead, _ found: WitnessFile.Found, log: Int?
    ) throws(StateError) -> Whole {
        var whole = Whole(sums: try sums(of: database, pageSize: head.pageSize), witness: found)
        let scan = try scan(head)
        whole.head = sumsHead(of: scan, known: known(head, scan), identity: head.identity)
        if let scan, scan.bytes > 0 {
            if scan.salts == nil { throw .damaged(path: places.log, reason: "it does not begin as a log does") }
            if scan.isBroken { throw .damaged(path: places.log, reason: broken(scan)) }
        } else if log == nil, size(places.seal) == nil {
            whole.notes.append("there is neither a log nor a sign that the last process ended in order")
        }
        try DatabaseCheck.run(places.database, isDeep: true)
        return whole
    }

    private func check(
        _ database: OpenFile, _ head: DatabaseHead, _ record: WitnessRecord, log: Int?, isPartial: Bool
    ) throws(StateError) -> Whole {
        var whole = Whole(witness: .record(record, isPartial: isPartial))
        if isPartial { whole.notes.append("one of the two records in \(places.witness) is damaged") }
        let scan = try scan(head)
        let known = known(head, scan)
        if let problem = problem(of: scan, log: log, file: head, known: known, record) {
            throw .damaged(path: places.log, reason: problem)
        }
        let kept = try PageSums.read(places.sums, of: pageCount(database, head, scan), reading: reading)
        let wasBroughtIn = wasBroughtIn(head, scan, record, kept.head)
        let isForeign = log == nil || record.areSumsLost || wasBroughtIn
        let identity = try identity(head, known, record, kept.head)
        if let sums = kept.head {
            if WitnessRecord.isBefore(known.sequence, sums.sequence) {
                let lacking = sums.sequence &- known.sequence
                throw .damaged(
                    path: places.database,
                    reason: "it and its log lack \(lacking) transactions that were committed")
            }
            if !isForeign, let reason = sums.contradiction(of: scan) {
                throw .damaged(path: places.log, reason: reason)
            }
        }
        let now = try sums(of: database, pageSize: head.pageSize)
        let difference = Difference(
            kept: kept.entries, now: now, pages: scan?.size ?? known.pages, known: known, log: scan)
        whole.head = sumsHead(of: scan, known: known, identity: identity)
        if difference.isNone {
            try DatabaseCheck.run(places.database, isDeep: false)
            // What the head says has to be true of the log that is there before the witness says that nothing was lost.
            if isForeign || kept.head?.identity != identity { whole.sums = kept.entries }
            return whole
        }
        guard isForeign else {
            if let reason = difference.ofSums { throw .damaged(path: places.sums, reason: reason) }
            throw .damaged(path: places.database, reason: difference.ofPages)
        }
        try DatabaseCheck.run(places.database, isDeep: true)
        whole.notes.append(
            wasBroughtIn
                ? "\(places.log) was brought into the database by something else than Vigil: \(difference.ofPages)"
                : "\(places.database) was changed by something else than Vigil: \(difference.ofPages)")
        whole.sums = now
        return whole
    }

    /// Whether somebody else's SQLite has brought the log into the database that the witness tells of, and emptied it or begun
    /// it anew, before the process ended: all that was committed is in the file then, and nobody has written the sums of it.
    private func wasBroughtIn(
        _ file: DatabaseHead, _ scan: LogScan?, _ record: WitnessRecord, _ sums: SumsHead?
    ) -> Bool {
        guard let scan, let sums, record.frames > 0 else { return false }
        let isGone = scan.bytes == 0 || scan.salts != nil && scan.salts != record.salts
        return isGone && WitnessRecord.isBefore(sums.sequence, file.sequence)
            && !WitnessRecord.isBefore(record.sequence, file.sequence)
    }

    /// What the pages and the log tell where the record of the last commit can't be read; throws what is wrong with them.
    func checkUnrecorded() throws(StateError) {
        let (database, head) = try open()
        let scan = try scan(head)
        if let scan, scan.bytes > 0, scan.salts == nil || scan.isBroken {
            throw .damaged(path: places.log, reason: broken(scan))
        }
        let known = known(head, scan)
        let pages = pageCount(database, head, scan)
        guard let kept = try? PageSums.read(places.sums, of: pages, reading: reading) else { return }
        if let sums = kept.head {
            if WitnessRecord.isBefore(known.sequence, sums.sequence) {
                throw .damaged(
                    path: places.database, reason: "it and its log lack transactions that were committed")
            }
            if let reason = sums.contradiction(of: scan) {
                throw .damaged(path: places.log, reason: reason)
            }
        }
        let difference = Difference(
            kept: kept.entries, now: try sums(of: database, pageSize: head.pageSize),
            pages: scan?.size ?? known.pages,
            known: known, log: scan)
        if !difference.isNone { throw .damaged(path: places.database, reason: difference.ofPages) }
    }

    /// How many pages there are in the file, or will be with the log.
    private func pageCount(_ database: OpenFile, _ head: DatabaseHead, _ scan: LogScan?) -> Int {
        max(database.count / head.pageSize, scan?.size ?? 0)
    }

    /// The head of the database as it is with the log.
    private func known(_ head: DatabaseHead, _ scan: LogScan?) -> DatabaseHead {
        scan?.firstPage.flatMap { $0.withUnsafeBytes { DatabaseHead($0) } } ?? head
    }

    /// What sums say of themselves that are made of the folder as it is.
    private func sumsHead(of scan: LogScan?, known: DatabaseHead, identity: UInt32) -> SumsHead {
        SumsHead(
            identity: identity, sequence: known.sequence,
            salts: scan?.frames ?? 0 > 0 ? scan?.salts ?? 0 : 0)
    }

    /// The folder's name for itself, 0 where it has none yet. Throws where its files have several.
    private func identity(
        _ file: DatabaseHead, _ known: DatabaseHead, _ record: WitnessRecord, _ sums: SumsHead?
    ) throws(StateError) -> UInt32 {
        let all = [
            (places.database, file.identity), (places.log, known.identity),
            (places.witness, record.identity),
            (places.sums, sums?.identity ?? 0),
        ].filter { $0.1 != 0 }
        // The one that most have is the folder's.
        func count(_ identity: UInt32) -> Int { all.filter { $0.1 == identity }.count }
        guard let most = all.max(by: { count($0.1) < count($1.1) }) else { return 0 }
        if let other = all.first(where: { $0.1 != most.1 }) {
            throw .damaged(path: other.0, reason: "it is of another folder than \(most.0)")
        }
        return most.1
    }

    /// What is wrong with the log, nil where nothing is.
    private func problem(
        of scan: LogScan?, log: Int?, file: DatabaseHead, known: DatabaseHead, _ record: WitnessRecord
    ) -> String? {
        let sequence = known.sequence
        if WitnessRecord.isBefore(sequence, file.sequence) {
            return "it is older than the database, by \(file.sequence &- sequence) transactions"
        }
        // Nothing is brought into the database before it is noted, but by others where a kill came before the last note; and a
        // note can only be lost with the machine.
        let ahead = file.sequence &- record.sequence
        if boot == record.boot, WitnessRecord.isBefore(record.sequence, file.sequence), ahead > 1,
            !(ahead == 2 && record.sequence == .max)
        {
            return "it and \(places.witness) are older than the database, by \(ahead) transactions"
        }
        // What was not flushed may be lost with the machine, and only then.
        let mayLack = !record.isFlushed && boot != record.boot
        let lacking = "\(record.lacking(at: sequence)) transactions that were committed"
        guard let scan, scan.bytes > 0 else {
            if record.isReached(by: sequence) || mayLack { return nil }
            return log == nil ? "it is not there, and with it \(lacking)" : "it is empty, and lacks \(lacking)"
        }
        guard let salts = scan.salts else {
            if record.isReached(by: sequence) { return nil }
            return "it does not begin as a log does, and the database lacks \(lacking)"
        }
        if mayLack { return nil }
        if boot != record.boot, scan.isBroken { return broken(scan) }
        if record.isClosed, boot == record.boot { return "it is not empty, as it was at the end" }
        guard salts == record.salts, record.frames > 0 else {
            guard record.isReached(by: sequence) else {
                return "it is another log, and the database lacks \(lacking)"
            }
            // Each transaction is noted before the next one begins, but where the machine went down.
            let isNext = scan.commits <= 1 && record.mayBeFollowed(by: salts)
            return isNext || boot != record.boot ? nil : "it is not the log that came after the one that was written"
        }
        let frames = Int(record.frames)
        guard scan.frames >= frames else {
            return "only \(scan.frames) of at least \(frames) frames are what was written"
        }
        guard scan.sums[frames - 1] == record.sum else {
            return "its frames are not those that were written"
        }
        // Without the first page among them none of its transactions had another number than the database.
        return scan.pages.contains(1) || record.sequence == file.sequence || record.sequence == 0
            ? nil : "it is older than the database"
    }

    private func broken(_ scan: LogScan) -> String {
        "frame \(scan.frames + 1) or one soon after is not what was written"
    }

    private func scan(_ head: DatabaseHead) throws(StateError) -> LogScan? {
        do throws(FileError) {
            return try LogScan(OpenFile(path: places.log, read: reading), pageSize: head.pageSize)
        } catch {
            if case .noSuchFile = error { return nil }
            throw StateError(reading: places.log, error)
        }
    }

    /// The database, which is read and not mapped, so that what its disk can't give is an error.
    private func open() throws(StateError) -> (OpenFile, DatabaseHead) {
        let file: OpenFile
        let bytes: [UInt8]
        do throws(FileError) {
            file = try OpenFile(path: places.database, read: reading)
            bytes = try file.prefix(DatabaseHead.bytes)
        } catch { throw StateError(reading: places.database, error) }
        guard let head = bytes.withUnsafeBytes({ DatabaseHead($0) }) else {
            throw .damaged(path: places.database, reason: "it does not begin as a database of SQLite does")
        }
        return (file, head)
    }

    /// The sums of all pages of the database as they are.
    func pageSums() throws(StateError) -> [UInt64] {
        let (database, head) = try open()
        return try sums(of: database, pageSize: head.pageSize)
    }

    /// The sums of all pages as they are in the file, that of page 1 at 1; by all cores, since it is all of the database.
    private func sums(of file: OpenFile, pageSize: Int) throws(StateError) -> [UInt64] {
        let pages = file.count / pageSize
        // A piece that is read has 256 KiB, and so whole pages.
        let share = max(1, (1 << 22) / pageSize)
        let shares = Mutex<(found: [Int: [UInt64]], error: StateError?)>(([:], nil))
        DispatchQueue.concurrentPerform(iterations: (pages + share - 1) / share) { number in
            let first = number * share
            do throws(StateError) {
                let found = try sums(of: file, first..<min(first + share, pages), pageSize: pageSize)
                shares.withLock { $0.found[number] = found }
            } catch { shares.withLock { $0.error = error } }
        }
        let (found, error) = shares.withLock { $0 }
        if let error { throw error }
        return [0] + found.keys.sorted().flatMap { found[$0] ?? [] }
    }

    private func sums(of file: OpenFile, _ pages: Range<Int>, pageSize: Int) throws(StateError) -> [UInt64] {
        var sums: [UInt64] = []
        try file.forEachPiece(of: pages.lowerBound * pageSize..<pages.upperBound * pageSize) { error in
            StateError.damaged(path: places.database, reason: error.description)
        } _: { piece throws(StateError) in
            for start in stride(from: 0, through: piece.count - pageSize, by: pageSize) {
                sums.append(
                    PageSums.entry(of: piece.part(start..<start + pageSize), number: pages.lowerBound + sums.count + 1))
            }
        }
        return sums
    }

    /// The bytes of what is there, nil where nothing is. A folder has some too.
    private func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }
}

/// What stands in the first bytes of a database.
struct DatabaseHead {
    let pageSize: Int
    /// How many pages there are.
    let pages: Int
    let freePages: Int
    /// Its `user_version`.
    let sequence: UInt32
    /// Its `application_id`: the folder's name for itself, 0 where it has none.
    let identity: UInt32

    /// Where it ends.
    static let bytes = 100

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 100, bytes.prefix(16).elementsEqual("SQLite format 3\u{0}".utf8) else { return nil }
        let size = Int(bytes.number(at: 16) >> 16)
        pageSize = size == 1 ? 65_536 : size
        guard (512...65_536).contains(pageSize), pageSize & (pageSize - 1) == 0 else { return nil }
        pages = Int(bytes.number(at: 28))
        freePages = Int(bytes.number(at: 36))
        sequence = bytes.number(at: 60)
        identity = bytes.number(at: 68)
    }
}
