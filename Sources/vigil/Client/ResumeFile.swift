import JSON
import Platform

/// What a run has submitted, a line each, so that the same command need not send it again where the run was interrupted. It
/// goes with a run that comes to its end.
///
/// Without it nothing is scored twice either, since a request has the same Idempotency-Key each time; but it is sent again.
final class ResumeFile: Sendable {
    /// Where a file's jobs are.
    struct Entry: Equatable, Sendable {
        let id: String
        let isBatch: Bool
    }

    private struct State {
        var entries: [ByteText: Entry] = [:]
        var descriptor: CInt = -1
    }

    private static let maxBytes = 512 << 20
    /// What a line begins with.
    private static let mark = Array("{\"key\":\"".utf8)
    let path: String
    private let state = Monitor(State())

    /// Reads what a run before has left; throws where the file is another, since it goes when the run is at its end.
    init(_ path: String) throws(Failure) {
        self.path = path
        var entries: [ByteText: Entry] = [:]
        if access(path, F_OK) == 0 {
            let file: SmallFile
            do throws(SmallFile.Failure) { file = try SmallFile(path, maxBytes: Self.maxBytes) } catch {
                throw Failure(.configuration, error.description)
            }
            for line in file.bytes.split(separator: ASCII.lineFeed) {
                // The last line of a run that was killed may be a part of one.
                let value = try? JSONReader.parse(Array(line))
                guard let key = value?["key"]?.string, let id = value?["id"]?.string, JobReply.isID(id) else {
                    // A whole one of another kind is another file's.
                    guard value == nil, line.starts(with: Self.mark) || Self.mark.starts(with: line) else {
                        throw Failure(
                            .usage,
                            "\(path) is no file that a run has left: expected such a one for --resume, or a new one")
                    }
                    continue
                }
                entries[ByteText(key)] = Entry(id: id, isBatch: value?["batch"] == .bool(true))
            }
        }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Failure(.configuration, "\(path) can't be written: \(errnoText(errno))") }
        let found = entries
        state.withLock { $0 = State(entries: found, descriptor: descriptor) }
    }

    deinit { state.withLock { if $0.descriptor >= 0 { close($0.descriptor) } } }

    /// What is known of the request of this key.
    func entry(_ key: String) -> Entry? { state.withLock { $0.entries[ByteText(key)] } }

    /// Remembers a request. A line that can't be written costs another upload and nothing else.
    func add(_ key: String, _ entry: Entry) {
        let line = JSONWriter.document { json in
            json.object { json in
                json.member("key", key)
                json.member("id", entry.id)
                json.member("batch", entry.isBatch)
            }
        }
        // With a line end before it too: what a killed run has left of a line ends there.
        let bytes = [ASCII.lineFeed] + line + [ASCII.lineFeed]
        state.withLock { state in
            state.entries[ByteText(key)] = entry
            _ = bytes.withUnsafeBytes { Descriptor(state.descriptor).write($0) }
        }
    }

    /// Forgets a request whose jobs the server has no more.
    func drop(_ key: String) { state.withLock { $0.entries[ByteText(key)] = nil } }

    /// The run is at its end: its file goes, unless another is in its place.
    func remove() {
        var (own, found) = (stat(), stat())
        let descriptor = state.withLock { $0.descriptor }
        guard fstat(descriptor, &own) == 0, lstat(path, &found) == 0, own.st_dev == found.st_dev,
            own.st_ino == found.st_ino
        else { return }
        unlink(path)
    }

    /// Where the file of a run is by default: one of the user's state folder, called after what is asked of whom. Nil where
    /// there is no such folder.
    static func path(of parts: [String]) -> String? {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.begins(with: "/") ? $0 : nil }
        }
        guard let base = variable("XDG_STATE_HOME") ?? variable("HOME").map({ $0 + "/.local/state" }) else {
            return nil
        }
        var digest = SHA256()
        for part in parts { Array(part.utf8 + [0xFF]).withUnsafeBytes { digest.update($0) } }
        var folder = ""
        for name in (base + "/vigil").pieces(between: ASCII.slash).dropFirst() {
            folder += "/\(name)"
            mkdir(folder, 0o700)
        }
        return "\(folder)/submit-\(digest.hexDigest.prefix(24)).jsonl"
    }
}
