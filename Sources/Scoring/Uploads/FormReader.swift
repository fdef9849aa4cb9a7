import Formats
import Jobs
import Platform

/// Takes a form's parts in: the fields `features` and all that have a file's name are matrices, the others are options.
struct FormReader {
    /// A field that is no file.
    private struct Field {
        let name: String
        var text: [UInt8] = []
    }

    /// A field that is one.
    private struct File {
        let name: MatrixName
        /// What is to be said of each of its matrices.
        let notes: [String]
        var decoder: UploadDecoder
        /// What it begins with where it has no file's name: it may be such a name in the file's place.
        var front: [UInt8]?

        mutating func feed(_ bytes: [UInt8]) throws(ArrayDecodingError) {
            do throws(ArrayDecodingError) { try decoder.feed(bytes) } catch { throw error.told(of: name.file) }
            // One byte more than a name has tells that it is none.
            if let begun = front { front = begun + bytes.prefix(FormReader.longestName + 1 - begun.count) }
        }

        mutating func finish() throws(ArrayDecodingError) -> FileContent {
            do throws(ArrayDecodingError) { return try decoder.finish() } catch { throw error.told(of: name.file) }
        }
    }

    /// A field that is a video.
    private struct Clip {
        let name: MatrixName
        let upload: VideoUpload
    }

    private enum Part {
        case none
        case video(Clip)
        case file(File)
        case field(Field)
    }

    private let width: Int
    private let maxFieldBytes: Int
    private var part = Part.none
    private var files = 0
    private var matrices: UploadMatrices
    private var parameters: [Parameter] = []
    private let maxBytes: Int?
    private let expectedBytes: Int
    private let offer: VideoOffer?
    private var videos: [NamedVideo] = []
    private var clips = 0
    /// Bytes of what is no video.
    private var received = 0

    /// - Parameters:
    ///   - maxBytes: bytes that all but videos may have
    ///   - expectedBytes: bytes that are announced; with more than those the form can't be of features
    ///   - videos: who takes videos
    init(
        width: Int, limits: ArrayLimits, maxFieldBytes: Int, maxBytes: Int? = nil, expectedBytes: Int = 0,
        videos: VideoOffer? = nil
    ) {
        (self.maxBytes, self.expectedBytes, offer) = (maxBytes, expectedBytes, videos)
        self.width = width
        self.maxFieldBytes = maxFieldBytes
        matrices = UploadMatrices(limits: limits)
    }

    /// Bytes of the matrices so far, with those of the file that is being read.
    var heldBytes: Int {
        if case .file(let file) = part { return matrices.heldBytes + file.decoder.heldBytes }
        return matrices.heldBytes
    }

    /// Takes the next event in; `reservation` grows with what the upload takes while an archive is unpacked.
    mutating func take(_ event: FormEvent, _ reservation: Reservation?) async throws {
        switch event {
        case .partBegan(let head):
            if let clip = try await beginClip(head) { part = .video(clip) } else { part = try begin(head) }
        case .data(let bytes):
            if case .video(let clip) = part { return try await clip.upload.take(bytes) }
            received += bytes.count
            try checkSize(received)
            try feed(bytes)
        case .partEnded: try await end(reservation)
        }
    }

    /// The upload, once the last part has ended.
    func finish() throws -> Upload {
        if !videos.isEmpty {
            guard matrices.count == 0 else {
                throw ScoringError.form(
                    "The form has videos and features: expected one or the other, in a request each.")
            }
            return Upload(matrices: [], isBatch: videos.count > 1, videos: named, parameters: parameters)
        }
        guard matrices.count > 0 else {
            throw ScoringError.form("The form has no field 'features': expected a file of that name.")
        }
        return try matrices.upload(parameters: parameters)
    }

    /// Throws where what is no video has more bytes than it may have.
    private func checkSize(_ bytes: Int) throws(ArrayDecodingError) {
        guard let maxBytes, bytes > maxBytes else { return }
        throw ArrayDecodingError(
            .tooLarge, "the form has more than the \(maxBytes) bytes that it may have beside videos")
    }

    /// Videos that one form may have.
    private static let mostVideos = 100

    /// Room for a video, where a part is one.
    private mutating func beginClip(_ head: FormPart) async throws -> Clip? {
        guard let offer, head.name.hasBytes(of: "video") else { return nil }
        // A browser sends a file that was not chosen with an empty name.
        if let filename = head.filename, filename.isEmpty { return nil }
        clips += 1
        guard clips <= Self.mostVideos else {
            throw ScoringError.form("The form has more than \(Self.mostVideos) videos: send them in several requests.")
        }
        guard clips <= matrices.limits.maxMatrices else {
            throw ArrayDecodingError(
                .tooMany, "the form has \(clips) videos or more; an upload may have \(matrices.limits.maxMatrices)")
        }
        return Clip(
            name: MatrixName(field: head.name, filename: head.filename, number: clips), upload: try await offer.begin())
    }

    /// The videos, with names that differ: one that is taken already gets a number.
    private var named: [NamedVideo] {
        guard videos.count > 1 else { return videos }
        var taken: Set<ByteText> = []
        return videos.map { video in
            var (video, number) = (video, 2)
            let first = video.file.map { $0 } ?? "video"
            var name = first
            while !taken.insert(ByteText(name)).inserted {
                name = "\(first)-\(number)"
                number += 1
            }
            video.name = name
            return video
        }
    }

    private mutating func begin(_ head: FormPart) throws -> Part {
        // A browser sends a file that was not chosen with an empty name.
        let filename = head.filename.flatMap { $0.isEmpty ? nil : $0 }
        guard head.name == "features" || filename != nil else { return .field(Field(name: head.name)) }
        if let filename, ScoreOptions.names.contains(head.name) {
            throw ScoringError.parameter(
                OptionError(
                    name: head.name,
                    problem: "\(quoted(filename)) is a file, not a value: expected features in the field 'features'"))
        }
        try checkSize(expectedBytes)
        files += 1
        let limits = matrices.limits
        guard files <= limits.maxMatrices else {
            throw ArrayDecodingError(
                .tooMany, "the form has \(files) files or more; an upload may have \(limits.maxMatrices) matrices")
        }
        let decoder = UploadDecoder(format: format(of: head), width: width, limits: limits, place: .part)
        return .file(
            File(
                name: MatrixName(field: head.name, filename: filename, number: files),
                notes: Self.notes(ofField: head.name), decoder: decoder, front: filename == nil ? [] : nil))
    }

    private mutating func feed(_ bytes: [UInt8]) throws {
        switch part {
        case .none, .video: return
        case .file(var file):
            part = .none
            try file.feed(bytes)
            part = .file(file)
        case .field(var field):
            part = .none
            guard field.text.count + bytes.count <= maxFieldBytes else {
                throw ScoringError.form(
                    "The form's field '\(field.name.prefix(60))' is longer than \(maxFieldBytes) bytes; a matrix is sent "
                        + "as a file or in the field 'features'.")
            }
            field.text += bytes
            part = .field(field)
        }
    }

    private mutating func end(_ reservation: Reservation?) async throws {
        let ended = part
        part = .none
        switch ended {
        case .none: return
        case .video(let clip):
            let video: ShelvedVideo
            do throws(ScoringError) { video = try await clip.upload.finish() } catch {
                guard case .video(.unfit(let reason)) = error, let file = clip.name.file else { throw error }
                throw ScoringError.video(.unfit("\(quoted(file)): \(reason)"))
            }
            videos.append(NamedVideo(name: clip.name.alone, file: clip.name.amongOthers, video: video))
        case .file(var file):
            if let name = file.front.flatMap(Self.fileName) {
                throw ArrayDecodingError(
                    .unsupported,
                    "'features' has the text '\(name)', which looks like a file's name, and no file: send the file "
                        + "itself, as curl does by -F 'features=@\(name)'")
            }
            try await matrices.add(try file.finish(), as: file.name, notes: file.notes, reservation)
        case .field(let field):
            // A file that was not chosen in a browser's form is such a field, whatever it is called.
            if !field.text.isEmpty {
                parameters.append(Parameter(field.name, .text(String(decoding: field.text, as: UTF8.self))))
            }
        }
    }

    /// What to say of a file whose field is called nearly as it should be.
    private static func notes(ofField name: String) -> [String] {
        guard name != "features", Spelling.nearest(to: name, among: ["features"]) != nil else { return [] }
        return ["the file came in the form's field \(quoted(name)), and was taken as if it were in 'features'"]
    }

    private static let longestName = 255

    /// The name of a feature file that a field has as its text, as where curl's @ is forgotten; nil for what is none.
    private static func fileName(_ bytes: [UInt8]) -> String? {
        guard bytes.count <= longestName, bytes.allSatisfy({ $0 > 0x1F && $0 != 0x7F }),
            let text = String(validating: bytes, as: UTF8.self), UploadFormat.named(text) != nil
        else { return nil }
        return text
    }

    /// Browsers and curl label files as plain bytes or by their own guess, so that the file's name counts first. What has
    /// another type than that of bytes is not meant to be rows.
    private func format(of head: FormPart) -> UploadFormat {
        if let named = head.filename.flatMap(UploadFormat.named) { return named }
        guard let type = head.type else { return .bytes }
        return UploadFormat.typed(type) ?? .recognised
    }
}
