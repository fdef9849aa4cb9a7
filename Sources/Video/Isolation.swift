import Platform

/// What keeps a program that decodes an untrusted file from everything else.
public enum Isolation: String, CaseIterable, Sendable {
    /// bubblewrap: namespaces of its own for files, network and processes; of files there are programs and libraries,
    /// to be read alone. The kernel's filter besides.
    case bubblewrap
    /// A network of its own, which is none, and the kernel's filter.
    case namespaces
    /// The kernel's filter: no socket that leaves the machine.
    case filter
    /// Limits alone.
    case limits

    /// Whether videos of strangers may be decoded so without anybody having said so.
    public var isSandbox: Bool { self == .bubblewrap }

    /// What it comes to, for a person.
    public var text: String {
        switch self {
        case .bubblewrap: "bubblewrap and a filter of system calls: no network, no files but programs and libraries"
        case .namespaces: "a namespace without network and a filter of system calls, but it may read files"
        case .filter: "a filter of system calls, which refuses it the network, but it may read files"
        case .limits: "limits of memory and time alone"
        }
    }

    /// The call that runs a program so; nil where what that takes is not installed.
    func command(_ program: String, _ arguments: [String], _ limits: VideoLimits) -> Subprocess.Command? {
        var command = Subprocess.Command(
            program, arguments, memory: limits.memory, processorSeconds: limits.processorSeconds,
            hasOwnNetwork: self == .namespaces, isFiltered: self != .limits)
        guard self == .bubblewrap else { return command }
        guard let wrapper = ProgramPath.find("bwrap") else { return nil }
        command.program = wrapper
        command.arguments = Self.walls(around: program) + ["--", program] + arguments
        return command
    }

    private static func walls(around program: String) -> [String] {
        var walls = ["--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
        // Where libraries are, and what leads to them.
        for place in ["/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"] {
            walls += ["--ro-bind-try", place, place]
        }
        if !program.begins(with: "/usr/") { walls += ["--ro-bind", program, program] }
        return walls + ["--proc", "/proc", "--remount-ro", "/"]
    }
}

/// Where programs are.
enum ProgramPath {
    /// The first of that name in the folders of PATH.
    static func find(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        for folder in path.pieces(between: ASCII.colon) where folder.utf8.first == ASCII.slash {
            let file = "\(folder)/\(name)"
            if isProgram(file) { return file }
        }
        return nil
    }

    /// Whether a file can be run.
    static func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}
