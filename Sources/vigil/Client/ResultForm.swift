import ArgumentParser
import HTTPClient
import JSON
import Platform
import Reports

/// The form that a result is fetched and kept in.
enum ResultForm: ExpressibleByArgument, Equatable, Sendable {
    /// The result as the server has it.
    case json
    /// The scores alone, as the server has them.
    case npy
    /// Written here of the result.
    case report(ReportFormat)

    /// What stands before the ending of a result's file, so that none is taken for features, nor in the place of such.
    static let mark = ".scores"

    /// The names that `--format` takes.
    static let allValueStrings = ["json"] + ReportFormat.allCases.map(\.rawValue)

    init?(argument: String) {
        switch argument {
        case "json": self = .json
        case "npy": self = .npy
        default:
            guard let format = ReportFormat(rawValue: argument) else { return nil }
            self = .report(format)
        }
    }

    var defaultValueDescription: String { name }

    /// What it is called.
    var name: String {
        switch self {
        case .json: "json"
        case .npy: "npy"
        case .report(let format): format.rawValue
        }
    }

    /// What stands behind the mark in the name of a file: one form's files are no other's.
    var ending: String {
        switch self {
        case .json, .npy: name
        case .report(let format):
            format.rawValue == format.ending ? format.ending : "\(format.rawValue).\(format.ending)"
        }
    }

    /// The field Accept; a job without a result comes as JSON whatever was wished for.
    var accept: String { self == .npy ? "application/x-npy, application/json;q=0.5" : "application/json" }

    /// The file of a result in a folder.
    ///
    /// - Parameter number: that of its job, where there are several
    func file(of name: String, number: Int?, in folder: String) -> String {
        "\(folder)/\(Self.stem(of: name))\(number.map { ".\($0)" } ?? "")\(Self.mark).\(ending)"
    }

    /// Whether a file is called as one of a result.
    static func isResult(_ name: String) -> Bool {
        allValueStrings.contains { value in
            ResultForm(argument: value).map { name.ends(with: "\(mark).\($0.ending)") } ?? false
        }
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
    /// - Parameters:
    ///   - cut: how its segments are cut, where that is not as the job was
    ///   - seconds: how long the server may wait for its end
    init(
        _ id: String, _ form: ResultForm, _ cut: [(name: String, value: String)] = [], holding seconds: Int = 0,
        from remote: Remote
    ) throws {
        let query = Upload.query(cut + (seconds > 0 ? [("wait", "\(seconds)")] : []))
        let path = "/jobs/\(id)" + query
        let answer = try remote.get(path, accept: form.accept, holding: seconds, isResult: true)
        if let problem = ServerProblem(answer) { throw problem.failure("job \(id)") }
        if answer.contentType.begins(with: "application/x-npy") {
            (job, result) = (nil, answer.body[...])
            return
        }
        let found = try JobReply(answer.body, of: id)
        (job, result) = (found, form == .npy ? nil : found.result)
    }

    /// The result as values to write of, with the pictures of its segments where the form shows them.
    func reported(_ id: String, _ form: ResultForm, from remote: Remote) throws -> ReportedVideo? {
        guard case .report(let format) = form, let result else { return nil }
        let value: JSONValue
        do throws(JSONError) { value = try JSONReader.parse(Array(result)) } catch {
            throw Failure(.unavailable, "job \(id): its result is \(error)")
        }
        guard var video = ReportedVideo(job?.name ?? id, result: value) else {
            throw Failure(.unavailable, "job \(id): its result is not what Vigil answers")
        }
        video.warnings = job?.warnings ?? []
        let segments = value["segments"]?.array ?? []
        if value["frames"]?.integer != nil { video.times = try times(of: id, fitting: segments, from: remote) }
        guard format.hasPictures else { return video }
        for (index, one) in segments.enumerated() where index < video.segments.count && one["thumbnail"] != nil {
            // A path of this job's and no other, whatever the server says.
            let answer = try remote.get(
                "/jobs/\(id)/thumbnails/\(video.segments[index].start).jpg", accept: "image/jpeg")
            let picture = answer.body
            guard ServerProblem(answer) == nil, ReportedSegment.isPicture(picture) else { continue }
            video.segments[index].picture = picture
        }
        return video
    }

    /// When the rows of a video are, where the server has that yet and it is what the segments' seconds are by; else none, and its rate
    /// counts.
    private func times(of id: String, fitting segments: [JSONValue], from remote: Remote) throws -> [Double] {
        guard segments.contains(where: { $0["start_seconds"]?.double != nil }) else { return [] }
        let answer = try remote.get("/jobs/\(id)/features", isResult: true)
        guard ServerProblem(answer) == nil, let value = try? JSONReader.parse(answer.body),
            let times = value["times"]?.array?.compactMap(\.double)
        else { return [] }
        let areSame = segments.allSatisfy { one in
            guard let start = one["start"]?.integer, let seconds = one["start_seconds"]?.double,
                times.indices.contains(start)
            else { return false }
            return abs(times[start] - seconds) < 1e-6
        }
        return areSame ? times : []
    }

    /// The result in its form; nil where there is none.
    func bytes(_ id: String, _ form: ResultForm, from remote: Remote) throws -> [UInt8]? {
        guard case .report(let format) = form else { return result.map { Array($0) } }
        return try reported(id, form, from: remote).map { try Self.bytes([$0], format) }
    }

    /// Videos in a form; throws what can't be written so.
    static func bytes(_ videos: [ReportedVideo], _ format: ReportFormat) throws(Failure) -> [UInt8] {
        do throws(ReportError) { return try format.bytes(of: videos) } catch {
            throw Failure(.badData, error.description)
        }
    }

    /// Writes the result to a file, which is there whole or not at all.
    static func write(_ result: [UInt8], _ form: ResultForm, to path: String) throws {
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
