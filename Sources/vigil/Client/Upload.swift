import HTTPClient
import Platform
import Video

/// A file as the request that submits it, and the name that the request has: the same for the same content, called the same
/// and asked for the same, whenever it is sent.
struct Upload {
    /// Files that were packed are sent as they are.
    private static let packed = ".gz"

    let path: String
    let fields: [(name: String, value: String)]
    let body: FileBody
    /// The Idempotency-Key.
    let key: String

    /// Reads the file once, for its digest.
    ///
    /// - Parameters:
    ///   - parameters: those of the query
    ///   - again: a word that makes the key another one
    ///   - check: throws where the command is to end
    init(
        _ file: SubmittedFile, _ parameters: [(name: String, value: String)], again: String,
        sent: @escaping @Sendable (Int) -> Void, check: () throws -> Void
    ) throws {
        let open: OpenFile
        do throws(FileError) { open = try OpenFile(path: file.path) } catch {
            throw Failure(error) ?? Failure(.noInput, error.description)
        }
        var digest = SHA256()
        try open.forEachPiece(failing: { $0 as any Error }) { (bytes) throws(any Error) in
            digest.update(bytes)
            try check()
        }
        let content = digest.hexDigest
        let name = SubmittedFiles.base(of: file.path)
        var parameters = parameters
        if name.asciiLowercase.ends(with: Self.packed) {
            let inner = String(Substring(name.utf8.dropLast(Self.packed.utf8.count)))
            if !parameters.contains(where: { $0.name == "name" }) { parameters.append(("name", inner)) }
            fields = [("Content-Type", Self.type(of: inner)), ("Content-Encoding", "gzip")]
            body = FileBody(open, sent: sent)
        } else {
            let boundary = "vigil-\(content.prefix(40))"
            // What is called a video and is none is told so as such.
            let isVideo = VideoFile.container(of: file.path) != nil || NamedVideo.isNone(file.path)
            fields = [("Content-Type", "multipart/form-data; boundary=\(boundary)")]
            body = Self.form(open, name, boundary, field: isVideo ? "video" : "features", sent: sent)
        }
        let query = Self.joined(parameters)
        path = "/score" + (query.isEmpty ? "" : "?\(query)")
        var all = SHA256()
        for part in ["vigil submit 1", content, name, query, again] {
            Array(part.utf8 + [0xFF]).withUnsafeBytes { all.update($0) }
        }
        key = "vigil-" + all.hexDigest
    }

    /// A form with one file: it has a name there, by which the server knows plain rows, and calls the job.
    private static func form(
        _ file: OpenFile, _ name: String, _ boundary: String, field: String, sent: @escaping @Sendable (Int) -> Void
    ) -> FileBody {
        // As browsers write it (WHATWG HTML, 4.10.21.8).
        var shown = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "\"": shown += "%22"
            case "\r": shown += "%0D"
            case "\n": shown += "%0A"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        let type = name.asciiLowercase.ends(with: ".json") ? "application/json" : "application/octet-stream"
        let head =
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(field)\"; filename=\"\(shown)\"\r\n"
            + "Content-Type: \(type)\r\n\r\n"
        return FileBody(before: Array(head.utf8), file, after: Array("\r\n--\(boundary)--\r\n".utf8), sent: sent)
    }

    private static func type(of name: String) -> String {
        let lower = name.asciiLowercase
        if lower.ends(with: ".npy") { return "application/x-npy" }
        if lower.ends(with: ".json") { return "application/json" }
        return lower.ends(with: ".safetensors") ? "application/vnd.safetensors" : "application/octet-stream"
    }

    private static func joined(_ parameters: [(name: String, value: String)]) -> String {
        parameters.map { "\($0.name)=\($0.value.percentEncoded)" }.joined(separator: "&")
    }

    /// Parameters as they stand behind a path; nothing for none.
    static func query(_ parameters: [(name: String, value: String)]) -> String {
        parameters.isEmpty ? "" : "?" + joined(parameters)
    }
}
