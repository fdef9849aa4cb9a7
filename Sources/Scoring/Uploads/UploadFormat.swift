import Formats

/// The forms in which a feature matrix can be sent.
package enum UploadFormat: Sendable, Equatable {
    /// numpy's .npy.
    case npy
    /// safetensors with a tensor `features`, or with other matrices.
    case safetensors
    /// `{"features": [[…]]}`.
    case json
    /// A zip archive of such files, as numpy's .npz is.
    case zip
    /// An .npy, a safetensors file or a zip archive by its first bytes; float32 rows if these are no known format's.
    case bytes
    /// As `bytes`, but without a known first line it is refused: what `curl --data-binary` sends for a file.
    case unlabelled
    /// One of the first four by its first bytes, nothing else: what nobody has called float32 rows.
    case recognised
    /// As `recognised`: a file of the command line, which has other ways to say that.
    case file

    /// Media types that are taken, for messages and Accept-Post.
    package static let taken =
        "application/x-npy, application/vnd.safetensors, application/octet-stream, application/json, application/zip, "
        + "multipart/form-data"

    /// Those that are taken where videos are.
    package static let takenWithVideos = taken + ", video/*"

    /// Whether a file's first bytes say what it is, so that it may be a video.
    package var mayBeVideo: Bool { self == .bytes || self == .unlabelled || self == .recognised }

    /// The format of a file by its name's ending, for form parts that browsers label as plain bytes.
    static func named(_ filename: String) -> UploadFormat? {
        let endings: [(String, UploadFormat)] = [
            (".npy", .npy), (".safetensors", .safetensors), (".json", .json), (".zip", .zip), (".npz", .zip),
            (".f32", .bytes), (".raw", .bytes), (".bin", .bytes),
        ]
        return endings.first { hasEnding($0.0, filename) }?.1
    }

    /// Whether a name ends so, in capitals or not.
    static func hasEnding(_ ending: String, _ filename: String) -> Bool {
        filename.asciiLowercase.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8)
    }

    /// The format of a media type, of a body or of a form's part; nil for one that says nothing of it.
    package static func typed(_ essence: String) -> UploadFormat? {
        switch essence {
        case "application/x-npy", "application/npy", "application/x-numpy": .npy
        case "application/vnd.safetensors", "application/x-safetensors": .safetensors
        case "application/json": .json
        case "application/zip", "application/x-zip-compressed", "application/x-npz": .zip
        case "application/octet-stream", "binary/octet-stream": .bytes
        default: nil
        }
    }
}

/// How a file is read.
enum UploadContents: Sendable {
    case npy, safetensors, json, zip, rows
}

/// Where a file stands, on which it depends what to do about it.
enum FilePlace: Sendable {
    /// It is a body, or a file of the command line.
    case body
    /// It is a part of a form.
    case part
    /// It is in an archive.
    case entry
}

extension UploadFormat {
    /// How a file of this format is read that begins so; throws what it is where it is something else.
    func contents(
        of kind: FileKind, in place: FilePlace = .body
    ) throws(ArrayDecodingError) -> UploadContents {
        switch (self, kind) {
        case (_, .foreign(let format)) where !kind.isPlainText || expected == nil:
            throw Self.noFeatures(format.name, format.advice)
        case (_, .html), (_, .gitLFSPointer): throw Self.noFeatures(kind.name, "fetch the file itself")
        case (_, .gzip): throw Self.packed(place)
        case (_, .legacyTorch):
            throw Self.noFeatures(
                "a file of torch.save of PyTorch before 1.6", "load it by torch.load and write its tensor by numpy.save"
            )
        default: break
        }
        guard let expected else { return try recognised(kind, place) }
        // What begins as nothing that is known is told what is wrong with it by the format's own reader.
        guard let found = Self.read(kind), found != expected.contents else { return expected.contents }
        throw ArrayDecodingError(
            .malformed,
            "it is \(kind.name), and was sent as \(expected.name) or is called so: \(Self.properName(found))")
    }

    private static func packed(_ place: FilePlace) -> ArrayDecodingError {
        switch place {
        case .body: noFeatures("gzip data", "unpack it, or send it with Content-Encoding: gzip")
        case .part:
            noFeatures(
                "gzip data, which is not unpacked as a part of a form",
                "unpack it, or send the whole form with Content-Encoding: gzip")
        case .entry: noFeatures("gzip data", "put it into the archive unpacked")
        }
    }

    private func recognised(_ kind: FileKind, _ place: FilePlace) throws(ArrayDecodingError) -> UploadContents {
        if let found = Self.read(kind) {
            guard found != .json || self == .recognised || self == .file else {
                let advice =
                    place == .part
                    ? "send it as a file whose name ends in .json, as curl does by -F features=@a.json, or with its type, "
                        + "-F 'features=<a.json;type=application/json'"
                    : "send it with Content-Type application/json, or as a file whose name ends in .json"
                throw ArrayDecodingError(.unsupported, "it begins as JSON does and was not sent as JSON: \(advice)")
            }
            return found
        }
        switch self {
        case .unlabelled:
            throw ArrayDecodingError(
                .malformed,
                "the body is no .npy and has no type that says what it is: send it with Content-Type "
                    + "application/octet-stream if it is plain float32 rows, and with curl by --data-binary, as -d takes "
                    + "bytes out")
        case .recognised: throw Self.unnamedRows("")
        case .file: throw Self.unnamedRows(", or --raw")
        default: return .rows
        }
    }

    /// How files of a kind are read that is told from their first bytes.
    private static func read(_ kind: FileKind) -> UploadContents? {
        switch kind {
        case .npy: .npy
        case .safetensors: .safetensors
        case .json: .json
        case .torchZip: .zip
        default: nil
        }
    }

    /// How a file is sent and called that is read so.
    private static func properName(_ contents: UploadContents) -> String {
        switch contents {
        case .npy: "send it as application/x-npy, or call it .npy"
        case .safetensors: "send it as application/vnd.safetensors, or call it .safetensors"
        case .json: "send it as application/json, or call it .json"
        case .zip: "send it as application/zip, or call it .npz if numpy wrote it, else .zip"
        case .rows: "send it as application/octet-stream, or call it .f32"
        }
    }

    private static func unnamedRows(_ more: String) -> ArrayDecodingError {
        ArrayDecodingError(
            .malformed,
            "it is no .npy, no safetensors and no JSON file; one of plain float32 rows needs a name that ends in "
                + ".bin, .f32 or .raw\(more)")
    }

    /// What the format says the file is; nil where its first bytes are to tell.
    private var expected: (contents: UploadContents, name: String)? {
        switch self {
        case .npy: (.npy, "an .npy file")
        case .safetensors: (.safetensors, "a safetensors file")
        case .json: (.json, "JSON")
        case .zip: (.zip, "a zip archive")
        case .bytes, .unlabelled, .recognised, .file: nil
        }
    }

    private static func noFeatures(_ name: String, _ advice: String) -> ArrayDecodingError {
        ArrayDecodingError(.unsupported, "these are no features but \(name): \(advice)")
    }
}
