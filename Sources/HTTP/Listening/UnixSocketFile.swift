import Platform

/// What can be the path of a Unix socket.
enum UnixSocketPath {
    /// The kernel's structure has room for this, and a NUL behind it.
    static let longest = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    static func isUsable(_ path: String) -> Bool {
        (1...longest).contains(path.utf8.count) && !path.utf8.contains(0)
    }

    /// The form that the kernel takes and its length; nil for a path that can't be one.
    static func storage(_ path: String) -> (sockaddr_storage, socklen_t)? {
        guard isUsable(path) else { return nil }
        var storage = sockaddr_storage()
        // Sound: sockaddr_un fits into the storage, which is all zero, and the path with its NUL into sun_path.
        withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr_un.self, capacity: 1) { address in
                address.pointee.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.pointee.sun_path) { $0.copyBytes(from: path.utf8) }
            }
        }
        return (storage, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
}

/// The file of a Unix socket that this process has made: it is removed when this value ends, unless another is there by
/// then.
struct UnixSocketFile: ~Copyable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Takes over the file that `bind` has made; nil if it is gone already.
    init?(path: String) {
        guard let status = Self.status(path) else { return nil }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    deinit {
        guard let status = Self.status(path), status.st_dev == device, status.st_ino == inode else { return }
        unlink(path)
    }

    /// What is at a path.
    enum Occupant {
        case nothing
        /// A socket that a process listens on, or that can't be asked.
        case live
        /// A socket that nobody listens on.
        case stale
        case otherFile
    }

    static func occupant(of path: String) -> Occupant {
        guard let status = status(path) else { return .nothing }
        guard status.st_mode & S_IFMT == S_IFSOCK else { return .otherFile }
        guard let (storage, length) = UnixSocketPath.storage(path), let socket = Socket.stream(family: AF_UNIX) else {
            return .live
        }
        var address = storage
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket.descriptor, $0, length) }
        }
        return outcome != 0 && errno == ECONNREFUSED ? .stale : .live
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }
}
