/// What can be the path of a Unix socket.
package enum UnixSocketPath {
    /// The kernel's structure has room for this, and a NUL behind it.
    package static let longest = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    package static func isUsable(_ path: String) -> Bool {
        (1...longest).contains(path.utf8.count) && !path.utf8.contains(0)
    }

    /// The form that the kernel takes and its length; nil for a path that can't be one.
    package static func storage(_ path: String) -> (sockaddr_storage, socklen_t)? {
        guard isUsable(path) else { return nil }
        return (storage(Array(path.utf8)), socklen_t(MemoryLayout<sockaddr_un>.size))
    }

    /// The same where `text` may also be `@NAME`: a name in the kernel, which no file has.
    package static func storage(pathOrName text: String) -> (sockaddr_storage, socklen_t)? {
        guard text.utf8.first == UInt8(ascii: "@") else { return storage(text) }
        guard isUsable(text), text.utf8.count > 1 else { return nil }
        // The length tells where a name ends, as it may hold anything.
        let start = MemoryLayout<sockaddr_un>.size - MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        return (storage([0] + Array(text.utf8.dropFirst())), socklen_t(start + text.utf8.count))
    }

    private static func storage(_ path: [UInt8]) -> sockaddr_storage {
        var storage = sockaddr_storage()
        // Sound: sockaddr_un fits into the storage, which is all zero, and the usable path with its NUL into sun_path.
        withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr_un.self, capacity: 1) { address in
                address.pointee.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.pointee.sun_path) { $0.copyBytes(from: path) }
            }
        }
        return storage
    }
}
