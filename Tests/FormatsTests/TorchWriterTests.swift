import Formats
import Platform
import TestSupport
import Testing

@Suite("Writing PyTorch checkpoints")
struct TorchWriterTests {
    private func written(_ tensors: [TorchWriter.Tensor]) throws -> (file: MappedFile, folder: ScratchFolder) {
        let folder = try ScratchFolder()
        let path = folder.path + "/written.pth"
        try TorchWriter(tensors: tensors).write(to: path)
        return (try MappedFile(path: path), folder)
    }

    @Test("what is written is read again: names in their order, shapes, bits")
    func roundTrip() throws {
        let values: [Float] = [0, -0.0, 1.5, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 3]
        let (file, folder) = try written([
            .init(name: "b.weight", shape: [2, 3]) { values }, .init(name: "a", shape: []) { [7] },
            .init(name: "long", shape: [300, 1, 2]) { (0..<600).map(Float.init) },
            .init(name: "none", shape: [0, 4]) { [] },
        ])
        let checkpoint = try TorchCheckpoint(file: file)
        #expect(checkpoint.names == ["b.weight", "a", "long", "none"])
        #expect(try checkpoint.floats("b.weight", shape: [2, 3]).map(\.bitPattern) == values.map(\.bitPattern))
        #expect(try checkpoint.floats("a", shape: []) == [7])
        #expect(try checkpoint.floats("long", shape: [300, 1, 2]) == (0..<600).map(Float.init))
        #expect(try checkpoint.floats("none", shape: [0, 4]) == [])
        withExtendedLifetime(folder) {}
    }

    @Test("storages begin on multiples of 64, so that they can be mapped")
    func aligned() throws {
        let (file, folder) = try written(
            (0..<9).map { index in .init(name: "t\(index)", shape: [5]) { Array(repeating: 1, count: 5) } })
        let archive = try ZipArchive(file: file)
        #expect(archive.entries.first?.name == "archive/data.pkl")
        for entry in archive.entries {
            #expect(archive.storedRange(of: entry)?.lowerBound.isMultiple(of: 64) == true, "\(entry.name)")
        }
        withExtendedLifetime(folder) {}
    }

    @Test("a tensor with other values than its shape takes leaves no file")
    func wrongCount() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/written.pth"
        let writer = try TorchWriter(tensors: [.init(name: "a", shape: [2]) { [1, 2, 3] }])
        #expect(throws: CheckpointError.self) { try writer.write(to: path) }
        #expect(throws: FileError.self) { try MappedFile(path: path) }
    }

    @Test("names that are taken and shapes beyond all memory are refused before anything is written")
    func refused() {
        #expect(throws: CheckpointError.self) {
            try TorchWriter(tensors: [.init(name: "a", shape: [1]) { [1] }, .init(name: "a", shape: [1]) { [1] }])
        }
        #expect(throws: CheckpointError.self) {
            try TorchWriter(tensors: [.init(name: "a", shape: [1 << 40, 1 << 40]) { [] }])
        }
        #expect(throws: CheckpointError.self) {
            try TorchWriter(tensors: [.init(name: "a", shape: [1 << 30, 2]) { [] }])
        }
    }
}
