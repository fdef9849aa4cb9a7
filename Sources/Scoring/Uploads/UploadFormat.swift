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
