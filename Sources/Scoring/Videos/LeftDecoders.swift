import Platform

/// Decoders of a server that was ended so suddenly that one of them, which had only just begun, did not hear of it: bubblewrap waits
/// then for ever, and the video that it has open takes room though its name is gone.
enum LeftDecoders {
    /// Ends those whose standard input is a video of this folder. Whoever calls has the folder for itself, so that no living server
    /// has any there.
    ///
    /// - Returns: how many there were
    static func end(of folder: String) -> Int {
        var ended = 0
        FolderNames.each(in: "/proc") { name, _ in
            guard let process = ASCII.number(name.utf8, most: 9), isBubblewrap(name),
                input(of: name).begins(with: folder + "/")
            else { return true }
            if kill(pid_t(process), SIGKILL) == 0 { ended += 1 }
            return true
        }
        return ended
    }

    private static func isBubblewrap(_ process: String) -> Bool {
        let descriptor = Platform.open("/proc/\(process)/comm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &buffer, buffer.count)
        return count > 0 && buffer.prefix(count).elementsEqual("bwrap\n".utf8)
    }

    /// Where its standard input leads; nothing where that may not be known.
    private static func input(of process: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let count = readlink("/proc/\(process)/fd/0", &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
