import Platform

/// The program that decodes videos: where it is, which it is, and what keeps it from everything else.
public struct FFmpeg: Equatable, Sendable {
    /// Where it is, without links.
    public let path: String
    /// What it says it is: `5.1.9-0+deb12u1`.
    public let version: String
    /// The strictest that works here.
    public let isolation: Isolation
    /// What was wrong with bubblewrap where it is there and did not work; nil where it is not there, or works.
    public internal(set) var sandboxFault: String?

    /// Looks for the program, and asks it for its version in the strictest isolation that works here.
    ///
    /// - Parameter path: nil for the first `ffmpeg` of PATH
    public static func find(_ path: String? = nil) throws(FFmpegError) -> FFmpeg {
        guard let named = path ?? ProgramPath.find("ffmpeg") else {
            throw FFmpegError(
                "videos are decoded by ffmpeg, which is not in PATH: install it (Debian's ffmpeg), or name it by --ffmpeg"
            )
        }
        guard ProgramPath.isProgram(named), let program = CanonicalPath.of(named) else {
            throw FFmpegError("--ffmpeg \(named): expected a program that can be run")
        }
        var fault = "it does not start"
        var sandboxFault: String?
        for isolation in Isolation.allCases {
            let limits = VideoLimits()
            guard let command = isolation.command(program, ["-hide_banner", "-version"], limits) else { continue }
            let found = asked(command)
            if let version = found.version {
                return FFmpeg(path: program, version: version, isolation: isolation, sandboxFault: sandboxFault)
            }
            fault = found.fault
            if isolation == .bubblewrap { sandboxFault = fault }
        }
        throw FFmpegError("\(named) is not ffmpeg: asked for its version, \(fault)")
    }

    /// How long it may take to tell its version: a machine that is busy with much else starts programs slowly.
    private static let patience = Duration.seconds(90)

    /// The version that a program tells, or what is wrong with it.
    private static func asked(_ command: Subprocess.Command) -> (version: String?, fault: String) {
        let process: Subprocess
        do throws(SubprocessError) { process = try Subprocess(command) } catch {
            return (nil, "it does not start: \(errnoText(error.code))")
        }
        let deadline = Deadline(in: patience)
        let output = firstBytes(of: process.output, process, until: deadline)
        let errors = firstBytes(of: process.errors, process, until: deadline)
        let told =
            errors.pieces(between: ASCII.lineFeed).first { !$0.isEmpty }.map { ": \(quoted($0, limit: 120))" } ?? ""
        let isLate = deadline.milliseconds == 0
        let end = process.wait(until: Deadline(in: .seconds(20)))
        if isLate { return (nil, "it does not answer within \(patience.components.seconds) s") }
        switch end {
        case .exited(0)?:
            if let version = version(in: output) { return (version, "") }
            return (nil, output.isEmpty ? "it says nothing" : "it says \(quoted(output, limit: 60))")
        case .exited(let code)?: return (nil, "it ends with exit code \(code)\(told)")
        case .killed(let signal)?: return (nil, "it is ended by signal \(signal)\(told)")
        case nil: return (nil, "it does not end")
        }
    }

    /// `ffmpeg version 5.1.9-0+deb12u1 Copyright …`.
    static func version(in output: String) -> String? {
        guard let rest = output.rest(after: "ffmpeg version ") else { return nil }
        let version = rest.utf8.prefix { $0 != ASCII.space && $0 != ASCII.lineFeed }
        return version.isEmpty ? nil : String(Substring(version.prefix(100)))
    }

    /// Its release as two numbers; nil for one that is built from its sources as they were.
    static func release(_ version: String) -> (major: Int, minor: Int)? {
        let digits = version.begins(with: "n") ? version.utf8.dropFirst() : version.utf8[...]
        let major = digits.prefix(while: ASCII.isDigit)
        guard let first = ASCII.number(major, most: 3) else { return nil }
        let rest = digits.dropFirst(major.count)
        guard rest.first == ASCII.dot else { return (first, 0) }
        return (first, ASCII.number(rest.dropFirst().prefix(while: ASCII.isDigit), most: 3) ?? 0)
    }

    /// How it is told that frames are to be left as they come.
    var passThrough: [String] {
        if let (major, minor) = Self.release(version), (major, minor) < (5, 1) { return ["-vsync", "passthrough"] }
        return ["-fps_mode", "passthrough"]
    }

    private static func firstBytes(of descriptor: CInt, _ process: Subprocess, until deadline: Deadline) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while bytes.count < 1 << 16 {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, deadline.milliseconds) > 0 else {
                process.kill()
                break
            }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Why there is no ffmpeg to decode by.
public struct FFmpegError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was found and what was expected.
    public let description: String

    init(_ description: String) { self.description = description }
}
