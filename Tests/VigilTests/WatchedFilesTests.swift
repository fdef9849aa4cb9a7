import Foundation
import Testing

@testable import vigil

@Suite("files that are read again once they have changed")
struct WatchedFilesTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "vigil-watched-\(UUID())").path
    private var paths: [String] { ["certificate", "key"].map { "\(folder)/\($0)" } }

    private func write(_ text: String, to path: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test("they are due when both have come and stood still from one look to the next, and only once")
    func standingStill() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for path in paths { try write("old", to: path) }
        let files = WatchedFiles(paths)
        #expect(!files.areDue() && !files.areDue())
        try write("new", to: paths[0])
        #expect(!files.areDue(), "the key may be about to follow")
        try write("new", to: paths[1])
        #expect(!files.areDue(), "both have only just come")
        #expect(files.areDue())
        #expect(!files.areDue(), "the same files would bring the same complaint")
    }

    @Test("what was read for another reason is not due")
    func readOtherwise() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for path in paths { try write("old", to: path) }
        let files = WatchedFiles(paths)
        try write("new", to: paths[0])
        files.markRead()
        #expect(!files.areDue() && !files.areDue())
        try write("newer", to: paths[0])
        #expect(!files.areDue())
        #expect(files.areDue())
    }

    @Test("a file that goes and comes back is looked at each time")
    func removal() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for path in paths { try write("old", to: path) }
        let files = WatchedFiles(paths)
        try FileManager.default.removeItem(atPath: paths[0])
        #expect(!files.areDue())
        #expect(files.areDue(), "who reads it says that it is gone")
        try write("old", to: paths[0])
        #expect(!files.areDue())
        #expect(files.areDue())
    }
}
