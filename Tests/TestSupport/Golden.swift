import Formats
import Foundation
import Platform
import Synchronization

/// The golden data of ../shared: seeded checkpoints and features, and the published implementation's outputs.
public enum Golden {
    /// A checkpoint made by make_checkpoint.py, or make_dsanet_checkpoint.py for its own; made once.
    public static func checkpoint(_ config: String, seed: Int = 1, extra: [String] = []) throws -> String {
        let script = "/golden/make_\(config.hasPrefix("dsanet") ? "dsanet_" : "")checkpoint.py"
        return try checkpoint(config, seed: seed, extra: extra, by: (Paths.shared ?? "") + script)
    }

    /// A checkpoint made by a script that takes the same options.
    public static func checkpoint(
        _ config: String, seed: Int = 1, extra: [String] = [], by script: String
    ) throws -> String {
        let name = (script as NSString).lastPathComponent.dropLast(3)
        // Where there is a folder for them, the end-to-end checks have the same ones.
        let folder = ProcessInfo.processInfo.environment["CHECKPOINTS"] ?? Paths.scratch
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = "\(folder)/\(name)-\(config)-\(seed)\(extra.joined()).pth"
        try making.withLock { _ in
            let kept = Paths.root + "/Tests/EndToEnd/support/kept.py"
            try python([kept, path, script, "--config", config, "--seed", String(seed)] + extra)
        }
        return path
    }

    /// Features of T snippets made by make_checkpoint.py.
    public static func features(_ rows: Int, width: Int, seed: Int) throws -> DecodedArray {
        try features([(rows, seed)], width: width)[0]
    }

    /// Features of several numbers of snippets, which one Python makes.
    public static func features(_ sets: [(rows: Int, seed: Int)], width: Int) throws -> [DecodedArray] {
        let paths = sets.map { "\(Paths.scratch)/features-\($0.rows)-\(width)-\($0.seed).npy" }
        let lines = zip(sets, paths).map { "np.save('\($1)', m.features(\($0.rows), \(width), \($0.seed)))" }
        try making.withLock { _ in
            let program = "import numpy as np, make_checkpoint as m\n" + lines.joined(separator: "\n")
            try python(["-c", program])
        }
        return try paths.map { try decode(MappedFile(path: $0), with: NPYDecoder(limits: ArrayLimits())) }
    }

    /// Arrays of an .npz, by name.
    public static func arrays(_ path: String, where include: (String) -> Bool) throws -> [String: DecodedArray] {
        let archive = try ZipArchive(file: MappedFile(path: path))
        var arrays: [String: DecodedArray] = [:]
        for entry in archive.entries where include(entry.name) {
            let bytes = try archive.contents(of: entry, limit: 64 << 20)
            arrays[String(entry.name.dropLast(4))] = try decode(bytes, with: NPYDecoder(limits: ArrayLimits()))
        }
        return arrays
    }

    /// Tests run at the same time: one makes a file, the others wait for it.
    private static let making = Mutex(())

    /// Threads of a Python that computes little would wait for each other at full speed.
    private static func python(_ arguments: [String]) throws {
        guard let shared = Paths.shared else { throw GoldenError(description: "../shared is not there") }
        let (status, output) = Paths.run(
            "env", ["OPENBLAS_NUM_THREADS=1", "PYTHONPATH=\(shared)/golden", "python3", "-B"] + arguments)
        guard status == 0 else { throw GoldenError(description: output) }
    }
}

/// Golden data that could not be made.
public struct GoldenError: Error, CustomStringConvertible {
    /// What python said.
    public let description: String
}
