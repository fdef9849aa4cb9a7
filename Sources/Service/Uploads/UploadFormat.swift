/// The forms in which a feature matrix can be sent.
enum UploadFormat: Sendable, Equatable {
    /// numpy's .npy.
    case npy
    /// safetensors with a tensor `features`.
    case safetensors
    /// `{"features": [[…]]}`.
    case json
    /// An .npy or a safetensors file by its first bytes, else float32 rows.
    case bytes
    /// As `bytes`, but without a known first line it is refused: what `curl --data-binary` sends for a file.
    case unlabelled
    /// A form with the field `features`.
    case multipart(boundary: String)

    /// Media types that are taken, for messages and Accept-Post.
    static let taken =
        "application/x-npy, application/vnd.safetensors, application/octet-stream, application/json, multipart/form-data"

    /// The format of a file by its name's ending, for form parts that browsers label as plain bytes.
    static func named(_ filename: String) -> UploadFormat? {
        let name = filename.lowercased()
        if name.hasSuffix(".npy") { return .npy }
        if name.hasSuffix(".safetensors") { return .safetensors }
        if name.hasSuffix(".json") { return .json }
        return nil
    }
}
