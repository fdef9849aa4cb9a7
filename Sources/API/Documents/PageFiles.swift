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

    /// Files by their names, whose endings tell their types; and `page.js`, which is app.js and all that it imports as one
    /// module, or imports it where they can't be made one.
    public init(_ files: [(name: String, bytes: [UInt8])]) {
        var sources: [ByteText: [UInt8]] = [:]
        for file in files { sources[ByteText(file.name)] = file.bytes }
        if sources["app.js"] != nil {
            let joined = try? PageModules.joined("app.js", from: sources)
            sources["page.js"] = joined ?? Array("import './app.js';\n".utf8)
        }
        self.files = [ByteText: File](
            uniqueKeysWithValues: sources.map { name, bytes in
                let digest = bytes.withUnsafeBytes { SHA256.hexDigest(of: $0) }
                let file = File(type: Self.type(of: name.text), bytes: bytes, tag: EntityTag(String(digest.prefix(24))))
                return (name, file)
            })
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
