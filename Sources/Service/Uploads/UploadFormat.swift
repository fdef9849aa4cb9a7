import Formats

/// The forms in which a feature matrix can be sent.
enum UploadFormat: Sendable, Equatable {
    /// numpy's .npy.
    case npy
    /// safetensors with a tensor `features`, or with other matrices.
    case safetensors
    /// `{"features": [[…]]}`.
    case json
    /// A zip archive of such files, as numpy's .npz is.
    case zip
    /// An .npy, a safetensors file or a zip archive by its first bytes, else float32 rows.
    case bytes
    /// As `bytes`, but without a known first line it is refused: what `curl --data-binary` sends for a file.
    case unlabelled
    /// An .npy, a safetensors or a JSON file by its first bytes, nothing else: a file of an archive.
    case recognised
    /// A form with one file or several.
    case multipart(boundary: String)

    /// Media types that are taken, for messages and Accept-Post.
    static let taken =
        "application/x-npy, application/vnd.safetensors, application/octet-stream, application/json, application/zip, "
        + "multipart/form-data"

    /// The format of a file by its name's ending, for form parts that browsers label as plain bytes.
    static func named(_ filename: String) -> UploadFormat? {
        let name = filename.asciiLowercase
        if name.hasSuffix(".npy") { return .npy }
        if name.hasSuffix(".safetensors") { return .safetensors }
        if name.hasSuffix(".json") { return .json }
        if name.hasSuffix(".zip") || name.hasSuffix(".npz") { return .zip }
        return nil
    }

    /// The format of a media type, of a body or of a form's part; nil for one that says nothing of it.
    static func typed(_ essence: String) -> UploadFormat? {
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
