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

    /// Writes bytes and a line end to standard output; throws where they can't be written. What files hold is made fit for a
    /// terminal on the way.
    ///
    /// - Parameter asJSON: a program's, to whom it goes as it is where standard output is no terminal
    static func print(_ bytes: [UInt8], asJSON: Bool = false) throws {
        try write(
            (asJSON && !isInteractive ? bytes : shown(bytes)) + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
    }

    /// Writes bytes to standard output, as they are and nothing behind them.
    static func write(bytes: [UInt8]) throws { try write(bytes, to: STDOUT_FILENO) }

    /// Writes bytes to standard output, with the ends of lines that they have.
    ///
    /// - Parameter asData: a program's, to whom they go as they are where standard output is no terminal
    static func put(_ bytes: [UInt8], asData: Bool) throws {
        try write(asData && !isInteractive ? bytes : shown(bytes), to: STDOUT_FILENO)
    }

    /// Writes a line to standard error.
    static func note(_ text: String) {
        // Where standard error is gone there is nobody left to tell.
        try? write(Array("vigil: \(line(text))\n".utf8), to: STDERR_FILENO)
    }

    /// Text as one line that a terminal may have.
    static func line(_ text: String) -> String {
        fit(text.split(whereSeparator: \.isNewline).joined(separator: " "), isOneLine: true)
    }

    /// Bytes as a terminal may have them.
    static func shown(_ bytes: [UInt8]) -> [UInt8] {
        // All that is not fit begins with one of these: what is printed is long, and nearly all of it letters.
        let isDoubtful = bytes.contains { byte in
            switch byte {
            case ASCII.lineFeed, ASCII.tab: false
            case 0..<0x20, 0x7F, 0xC2, 0xD8, 0xE2: true
            default: false
            }
        }
        return isDoubtful ? Array(fit(String(decoding: bytes, as: UTF8.self), isOneLine: false).utf8) : bytes
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
