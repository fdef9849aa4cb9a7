import Foundation
import Platform
import TestSupport
import Testing

@Suite("Mapped files that nobody else can change")
struct IsolatedFileTests {
    private let folder: ScratchFolder
    private let path: String
    private let text = [UInt8](repeating: 7, count: 3_000_001)

    init() throws {
        folder = try ScratchFolder()
        path = try folder.write(text, to: "model").path
    }

    private func bytes(_ file: MappedFile) -> [UInt8] { file.withUnsafeBytes { Array($0) } }

    private func overwrite(with byte: UInt8, count: Int) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(repeating: byte, count: count))
        try handle.close()
    }

    @Test("stay what they were when the file is cut short and written over in its place")
    func overwritten() throws {
        let file = try MappedFile(path: path)
        let before = file.withUnsafeBytes { $0.baseAddress }
        try file.isolate(in: folder.path)
        #expect(file.withUnsafeBytes { $0.baseAddress } == before, "who has the pointer still has the bytes")
        try overwrite(with: 9, count: 10)
        #expect(bytes(file) == text && file.isUnchanged)
        var pieces: [UInt8] = []
        file.forEachPiece(of: 0..<file.count) { pieces += Array($0) }
        #expect(pieces == text)
        try file.copy(to: folder.path + "/kept")
        #expect(try Array(Data(contentsOf: URL(filePath: folder.path + "/kept"))) == text)
        #expect(folder.names.sorted() == ["kept", "model"], "the copy has no name")
        try file.isolate(in: "/nowhere")
        #expect(bytes(file) == text, "once is enough")
    }

    @Test("are not made of a file that was written to since it was opened")
    func changed() throws {
        for count in [10, 4_000_000] {
            try overwrite(with: 7, count: text.count)
            let file = try MappedFile(path: path)
            try overwrite(with: 9, count: count)
            #expect(throws: FileError.self, "\(count)") { try file.isolate(in: folder.path) }
        }
    }

    @Test("need a folder that can be written to, and stay as they are without")
    func nowhere() throws {
        let file = try MappedFile(path: path)
        #expect(throws: FileError.self) { try file.isolate(in: folder.path + "/none") }
        #expect(bytes(file) == text)
    }

    @Test("what is in memory is independent anyway")
    func held() throws {
        let file = try MappedFile(holding: path)
        try file.isolate(in: "/nowhere")
        try overwrite(with: 9, count: 10)
        #expect(bytes(file) == text)
    }
}
