import Jobs
import Payloads
import Platform

/// Bytes of a payload or a result, with what tells whether they are still the same.
struct StoredBody: Sendable {
    /// Bodies above this size are in files: measured, a row of 60 KB is written half as fast again as a file of that size,
    /// one of 1 MB three times as slowly.
    static let largestRow = 128 << 10

    let bytes: [UInt8]
    let sha256: [UInt8]

    /// - Parameter subject: what the digest counts in before the bytes
    init(_ bytes: [UInt8], subject: [UInt8] = []) {
        self.bytes = bytes
        sha256 = Self.digest(bytes, subject: subject)
    }

    var isLarge: Bool { bytes.count > Self.largestRow }

    /// What stands in the row.
    var column: [UInt8]? { isLarge ? nil : bytes }

    static func digest(_ bytes: [UInt8], subject: [UInt8] = []) -> [UInt8] {
        BodyDigest.of(bytes, subject: subject)
    }
}

/// An input ready to be stored.
struct StoredPayload: Sendable {
    let form: PayloadForm
    /// Its bytes before they were put into that form.
    let plain: Int
    /// Whether it came as numbers.
    let areFloats: Bool
    let body: StoredBody

    /// - Parameter subject: what the job says of itself, which has to be the same when its input is read
    init(_ input: JobBody, subject: [UInt8]) {
        let (form, bytes) = PayloadForm.encode(input)
        self.form = form
        plain = input.count
        areFloats = input.floats != nil
        body = StoredBody(bytes, subject: subject)
    }
}

/// The files of large bodies.
///
/// An input is in `ID.in`. A result is in a file with a name that is its claim's own, so that a holder that has lost its
/// claim can't touch the result of another.
struct BodyFiles: Sendable {
    /// More than any body has, so that no more than that is read.
    private static let mostBytes = 1 << 36

    let folder: String
    /// How bytes are read.
    var reading: OpenFile.Read = OpenFile.systemRead

    static func inputName(_ job: JobID) -> String { "\(job).in" }

    static func resultName(_ token: ClaimToken) -> String { "\(token.job).\(String(token.secret, radix: 36)).out" }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// Writes a body, which is on the disk when this returns.
    func write(_ body: StoredBody, to name: String) throws(JobStoreError) {
        do throws(FileError) {
            var file = try AtomicFile(path: path(name))
            try file.write(body.bytes)
            try file.commit()
        } catch {
            throw error.isOfFullDisk ? .diskFull(error.description) : .unavailable(error.description)
        }
    }

    /// Gives a body that is on the disk a further name, which is there when this returns; false where that can't be.
    func share(_ name: String, as other: String) -> Bool {
        guard link(path(name), path(other)) == 0 else { return false }
        return (try? AtomicFile.flush(folder: folder)) != nil
    }

    /// The body of a job; throws what is wrong with the file.
    func read(_ name: String, bytes: Int, of job: JobID) throws(JobStoreError) -> [UInt8] {
        let file = try self.file(name, bytes: bytes, of: job)
        do throws(FileError) { return try file.bytes() } catch { throw error.asOfBody(of: job) }
    }

    /// The digest of the body of a job, which is read in pieces; throws what is wrong with the file.
    func digest(
        _ name: String, bytes: Int, subject: [UInt8], of job: JobID
    ) throws(JobStoreError) -> [UInt8] {
        let file = try self.file(name, bytes: bytes, of: job)
        var digest = SHA256()
        subject.withUnsafeBytes { digest.update($0) }
        try file.forEachPiece {
            $0.asOfBody(of: job)
        } _: { (piece) throws(JobStoreError) in
            digest.update(piece)
        }
        return digest.finalize()
    }

    private func file(_ name: String, bytes: Int, of job: JobID) throws(JobStoreError) -> OpenFile {
        let file: OpenFile
        do throws(FileError) { file = try OpenFile(path: path(name), read: reading) } catch {
            throw error.asOfBody(of: job)
        }
        guard file.count == bytes, bytes < Self.mostBytes else {
            throw .damaged(job, "\(file.path) has \(file.count) bytes, not \(bytes)")
        }
        return file
    }

    func remove(_ name: String) { unlink(path(name)) }
}

extension FileError {
    /// What it means for the job whose body it is about: a body that can't be read is damaged, unless it is only that the
    /// process has too many files open or no memory just now.
    fileprivate func asOfBody(of job: JobID) -> JobStoreError {
        isOf(EMFILE, ENFILE, ENOMEM) ? .unavailable(description) : .damaged(job, description)
    }
}
