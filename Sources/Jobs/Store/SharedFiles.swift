/// What is too large for jobs themselves, in a store that several servers share: files that jobs are about, and what was made of
/// them. What a function returned is committed.
public protocol SharedFiles: Sendable {
    /// The bytes of a part of a file; the last one may have fewer.
    var partBytes: Int { get }

    /// Begins a file, which is nobody's until a job that names it is committed (``NewJob/file``).
    func beginFile() async throws(JobStoreError) -> JobID

    /// Writes a part of a file that no job has yet; to write it again changes nothing.
    func writePart(_ part: Int, _ bytes: [UInt8], of file: JobID) async throws(JobStoreError)

    /// A part of a file; nil where it is not there.
    func part(_ part: Int, of file: JobID) async throws(JobStoreError) -> [UInt8]?

    /// Removes a file that no job has; one that a job has stays.
    func discardFile(_ file: JobID) async throws(JobStoreError)

    /// Keeps what was made of a job's file for as long as the job is known, or until there is no room for it.
    ///
    /// - Parameters:
    ///   - bytes: all of it
    ///   - lookup: by which it is found again
    ///   - job: of which it is
    func keepMade(_ bytes: [UInt8], by lookup: [UInt8], of job: JobID) async throws(JobStoreError)

    /// A job that has succeeded, and of which what is found so is kept: the last of them.
    func jobWithMade(_ lookup: [UInt8]) async throws(JobStoreError) -> JobID?

    /// A piece of what was made of a job's file; nil behind the last.
    func made(_ piece: Int, of job: JobID) async throws(JobStoreError) -> [UInt8]?

    /// Keeps a piece of what is made of a job's file while that goes on, in the place of this piece and of those behind it.
    ///
    /// - Returns: whether the claim is good; else nothing was changed
    func keepRows(_ bytes: [UInt8], piece: Int, by token: ClaimToken) async throws(JobStoreError) -> Bool

    /// A piece of what the holders of a job's claims have kept so; nil behind the last.
    func rows(_ piece: Int, of job: JobID) async throws(JobStoreError) -> [UInt8]?
}
