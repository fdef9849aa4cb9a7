import Formats

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

/// The first bytes of a file, kept until they tell what it is.
struct UploadFront {
    private(set) var bytes: [UInt8] = []

    /// Takes what is missing off the front of `piece`; what the file is, once that is known.
    mutating func take(_ piece: inout UnsafeRawBufferPointer) -> FileKind? {
        while true {
            let wanted = bytes.count < FileKind.markBytes ? FileKind.markBytes : FileKind.frontBytes
            let taken = min(wanted - bytes.count, piece.count)
            bytes.append(contentsOf: piece.prefix(taken))
            piece = UnsafeRawBufferPointer(rebasing: piece.dropFirst(taken))
            guard bytes.count == wanted else { return nil }
            if wanted == FileKind.frontBytes { return kind }
            let marked = bytes.withUnsafeBytes { FileKind.marked($0) }
            if marked != .unknown { return marked }
        }
    }

    /// What the file is if no more bytes come.
    var kind: FileKind { bytes.withUnsafeBytes { FileKind.detect($0) } }
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
