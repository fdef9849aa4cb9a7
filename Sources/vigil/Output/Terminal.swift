import Platform

/// Standard output and error, as bytes and lines.
enum Terminal {
    /// Whether standard output is a terminal.
    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Columns of the terminal, 80 where there is none.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
        return Int(size.ws_col)
    }

    /// Writes bytes and a line end to standard output; throws where they can't be written.
    static func print(_ bytes: [UInt8]) throws {
        try write(bytes + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
    }

    /// Writes a line to standard error.
    static func note(_ text: String) {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        // Where standard error is gone there is nobody left to tell.
        try? write(Array("vigil: \(line)\n".utf8), to: STDERR_FILENO)
    }

    /// Writes a line of the log, as it is, to standard error.
    static func writeLog(_ line: [UInt8]) {
        try? write(line, to: STDERR_FILENO)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        try bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Descriptor(descriptor).write(UnsafeRawBufferPointer(rebasing: rest))
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN {
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&wait, 1, -1)
                    continue
                }
                guard count > 0 else {
                    throw Failure(.internal, "the output can't be written: \(errnoText(errno))")
                }
                rest = rest.dropFirst(count)
            }
        }
    }
}
