import ArgumentParser
import HTTPClient
import Platform

/// The form that a result is fetched and kept in.
enum ResultForm: String, ExpressibleByArgument, CaseIterable, Sendable {
    case json, npy

    /// What stands before the ending of a result's file, so that none is taken for features, nor in the place of such.
    static let mark = ".scores"

    /// The field Accept; a job without a result comes as JSON whatever was wished for.
    var accept: String { self == .json ? "application/json" : "application/x-npy, application/json;q=0.5" }

    /// The file of a result in a folder.
    ///
    /// - Parameter number: that of its job, where there are several
    func file(of name: String, number: Int?, in folder: String) -> String {
        "\(folder)/\(Self.stem(of: name))\(number.map { ".\($0)" } ?? "")\(Self.mark).\(rawValue)"
    }

    /// A name without the ending of its format.
    static func stem(of name: String) -> String {
        var stem = name
        for _ in 0..<2 {
            guard let dot = stem.utf8.lastIndex(of: ASCII.dot), SubmittedFiles.isTaken(stem) || stem.ends(with: ".gz"),
                dot > stem.utf8.startIndex, stem.utf8[stem.utf8.index(before: dot)] != ASCII.slash
            else { break }
            let isPacked = stem.ends(with: ".gz")
            stem = String(Substring(stem.utf8[..<dot]))
            guard isPacked else { break }
        }
        return stem
    }
}

/// A job as it was fetched, with its result in the form that was asked for where it has one.
struct FetchedJob {
    /// What the server says of it; nil where the scores came alone.
    let job: JobReply?
    /// The result; nil where there is none yet, or never.
    let result: ArraySlice<UInt8>?

    /// Whether the job has ended.
    var isEnded: Bool { result != nil || job?.isEnded == true }

    /// Asks for a job.
    ///
    /// - Parameter seconds: how long the server may wait for its end
    init(_ id: String, _ form: ResultForm, holding seconds: Int = 0, from remote: Remote) throws {
        let path = "/jobs/\(id)" + (seconds > 0 ? "?wait=\(seconds)" : "")
        let answer = try remote.get(path, accept: form.accept, holding: seconds, isResult: true)
        if let problem = ServerProblem(answer) { throw problem.failure("job \(id)") }
        if answer.contentType.begins(with: "application/x-npy") {
            (job, result) = (nil, answer.body[...])
            return
        }
        let found = try JobReply(answer.body)
        (job, result) = (found, form == .json ? found.result : nil)
    }

    /// Writes the result to a file, which is there whole or not at all.
    static func write(_ result: ArraySlice<UInt8>, _ form: ResultForm, to path: String) throws {
        try makeFolder(of: path)
        var file = try AtomicFile(path: path)
        try result.withUnsafeBytes { bytes in try file.write(bytes) }
        if form == .json { try file.write([ASCII.lineFeed]) }
        try file.commit()
    }

    private static func makeFolder(of path: String) throws(Failure) {
        var at = path.utf8.startIndex
        while let slash = path.utf8[at...].firstIndex(of: ASCII.slash) {
            at = path.utf8.index(after: slash)
            let folder = String(Substring(path.utf8[..<slash]))
            guard !folder.isEmpty, mkdir(folder, 0o755) != 0, errno != EEXIST else { continue }
            throw Failure(.configuration, "\(folder) can't be made: \(errnoText(errno))")
        }
    }
}
