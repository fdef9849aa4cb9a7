import Formats
import Jobs

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Bytes of a payload or a result, with what tells whether they are still the same.
struct StoredBody: Sendable {
    /// Bodies above this size are in files: measured, a row of 60 KB is written half as fast again as a file of that size,
    /// one of 1 MB three times as slowly.
    static let largestRow = 128 << 10

    let bytes: [UInt8]
    let sha256: [UInt8]

    /// - Parameter options: what the digest counts in beside the bytes
    init(_ bytes: [UInt8], options: [UInt8] = []) {
        self.bytes = bytes
        sha256 = Self.digest(bytes, options: options)
    }

    var isLarge: Bool { bytes.count > Self.largestRow }

    /// What stands in the row.
    var column: Blob? { isLarge ? nil : Blob(bytes) }

    static func digest(_ bytes: [UInt8], options: [UInt8] = []) -> [UInt8] {
        var digest = SHA256()
        options.withUnsafeBytes { digest.update($0) }
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.finalize()
    }
}

/// A payload ready to be stored.
struct StoredPayload: Sendable {
    let form: PayloadForm
    let width: Int
    let options: [UInt8]
    let body: StoredBody

    init(_ input: JobInput) {
        let (form, bytes) = PayloadForm.encode(input.features)
        self.form = form
        width = input.width
        options = input.options
        body = StoredBody(bytes, options: options)
    }
}

/// The files of large bodies: `ID.in` and `ID.out`.
struct BodyFiles: Sendable {
    enum Kind: String { case input = "in", output = "out" }

    /// A byte more than any body has, so that a file that has grown shows.
    private static let mostBytes = 1 << 36

    let folder: String

    func path(_ job: JobID, _ kind: Kind) -> String { "\(folder)/\(job).\(kind.rawValue)" }

    /// Writes a body, which is on the disk when this returns.
    func write(_ body: StoredBody, _ job: JobID, _ kind: Kind) throws(StoreFault) {
        do throws(FileError) {
            var file = try AtomicFile(path: path(job, kind))
            try file.write(body.bytes)
            try file.commit()
        } catch {
            throw .diskFull(error.description)
        }
    }

    /// The body; throws what is wrong with the file.
    func read(_ job: JobID, _ kind: Kind, bytes: Int) throws(JobStoreError) -> [UInt8] {
        let file: MappedFile
        do throws(FileError) { file = try MappedFile(path: path(job, kind)) } catch {
            throw .damaged(job, error.description)
        }
        guard file.count == bytes, bytes < Self.mostBytes else {
            throw .damaged(job, "\(file.path) has \(file.count) bytes, not \(bytes)")
        }
        return file.withUnsafeBytes { Array($0) }
    }

    func remove(_ job: JobID, _ kind: Kind) { unlink(path(job, kind)) }

    /// Removes all files but those that are `known`, and what a process left half written.
    func sweep(keeping known: Set<String>) -> Int {
        guard let directory = opendir(folder) else { return 0 }
        defer { closedir(directory) }
        var strays: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != "..", !known.contains(name) { strays.append(name) }
        }
        for name in strays { unlink("\(folder)/\(name)") }
        return strays.count
    }
}
