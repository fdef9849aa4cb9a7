import Foundation

/// Where tests find things.
public enum Paths {
    /// The repository's root.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    /// The folder of golden data beside the repository; nil in a clone that stands alone.
    public static let shared: String? = {
        let path = URL(fileURLWithPath: root).deletingLastPathComponent().appendingPathComponent("shared").path
        return FileManager.default.fileExists(atPath: path + "/golden/make_checkpoint.py") ? path : nil
    }()
    /// Whether python3 with numpy is there to make checkpoints.
    public static let hasNumpy = run("python3", ["-c", "import numpy"]).status == 0
    /// Whether golden checkpoints can be made.
    public static var hasGolden: Bool { shared != nil && hasNumpy }

    /// A folder of this process's own, removed when it ends: checkpoints in it have 650 MB each.
    public static let scratch: String = {
        let path = scratchPath
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(atPath: Paths.scratchPath) }
        return path
    }()

    private static var scratchPath: String {
        NSTemporaryDirectory() + "vigil-tests-\(ProcessInfo.processInfo.processIdentifier)"
    }

    /// Runs a program and waits for it.
    @discardableResult
    public static func run(_ program: String, _ arguments: [String]) -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        do { try process.run() } catch { return (127, "\(error)") }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
