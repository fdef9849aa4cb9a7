import Formats
import Foundation
import Platform
import TestSupport
import Testing

/// The tiny checkpoint of ../shared/golden, made by its own script; skipped where that, Python or numpy is absent.
@Suite("Golden checkpoint")
struct GoldenTests {
    /// ../shared beside the repository's root, wherever above this file that is.
    private static let script: String? = {
        var folder = URL(filePath: #filePath)
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            let script = folder.appending(path: "shared/golden/make_checkpoint.py").path
            if FileManager.default.fileExists(atPath: script) { return script }
        }
        return nil
    }()

    private static func python(_ arguments: [String]) -> (status: Int32, output: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return (127, "") }
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    private static let canRun = script != nil && python(["-c", "import numpy"]).status == 0

    @Test(
        "every tensor of the tiny checkpoint has numpy's sums and ends", .enabled(if: canRun),
        arguments: ["", "model_state_dict"])
    func tiny(key: String) throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/tiny.pth"
        let script = try #require(GoldenTests.script)
        let nesting = key.isEmpty ? [] : ["--state-key", key]
        #expect(GoldenTests.python([script, "--config", "tiny", "--seed", "1", "--out", path] + nesting).status == 0)
        let program = """
            import sys; sys.path.insert(0, sys.argv[1])
            from make_checkpoint import state
            for n, a in state("tiny", 1).items():
                print(n, "x".join(map(str, a.shape)), a.flat[0].view("i4"), a.flat[-1].view("i4"), int(a.view("u4").sum(dtype="u8")))
            """
        let folderOfScript = URL(filePath: script).deletingLastPathComponent().path
        let expected = GoldenTests.python(["-B", "-c", program, folderOfScript]).output
        let checkpoint = try TorchCheckpoint(file: MappedFile(path: path))
        var found = ""
        for tensor in checkpoint.tensors {
            let bits = try checkpoint.floats(tensor.name, shape: tensor.shape).map(\.bitPattern)
            let sum = bits.reduce(UInt64(0)) { $0 &+ UInt64($1) }
            let shape = tensor.shape.map(String.init).joined(separator: "x")
            found +=
                "\(tensor.name) \(shape) \(Int32(bitPattern: bits[0])) \(Int32(bitPattern: bits[bits.count - 1])) \(sum)\n"
        }
        #expect(found == expected && !found.isEmpty)
    }
}
