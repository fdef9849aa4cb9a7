import HTTP
import HTTPTypes
import Platform

/// The files of the web page, as they are handed out: each with its type and its tag.
public struct PageFiles: Sendable {
    /// One of them.
    struct File: Sendable {
        let type: String
        let bytes: [UInt8]
        let tag: EntityTag
    }

    private let files: [ByteText: File]

    /// Files by their names, whose endings tell their types.
    public init(_ files: [(name: String, bytes: [UInt8])]) {
        self.files = files.reduce(into: [:]) { table, file in
            let digest = file.bytes.withUnsafeBytes { SHA256.hexDigest(of: $0) }
            table[file.name] = File(
                type: Self.type(of: file.name), bytes: file.bytes, tag: EntityTag(String(digest.prefix(24))))
        }
    }

    subscript(name: String) -> File? { files[name] }

    private static func type(of name: String) -> String {
        let types = [
            (".html", "text/html; charset=utf-8"), (".js", "text/javascript; charset=utf-8"),
            (".css", "text/css; charset=utf-8"), (".svg", "image/svg+xml"), (".npy", "application/x-npy"),
        ]
        return types.first { name.ends(with: $0.0) }?.1 ?? "application/octet-stream"
    }
}
