import Formats
import TestSupport
import Testing

/// Damaged files end in a typed error or in success, never in a crash.
@Suite("Damaged files")
struct MutationTests {
    @Test("checkpoints", arguments: ["plain", "deflated", "descriptors", "protocol4", "training", "views"])
    func checkpoints(name: String) throws {
        let folder = try ScratchFolder()
        let bytes = try Fixture.bytes("torch/\(name).pth")
        var generator = SeededRandom(seed: 11)
        var opened = 0
        for round in 0..<2000 {
            let file = try folder.write(mutate(bytes, using: &generator))
            do {
                let checkpoint = try TorchCheckpoint(file: file)
                opened += 1
                for name in checkpoint.names { _ = try checkpoint.floats(name) }
            } catch {
                #expect(!error.description.contains("\n"), "seed 11, round \(round): \(error)")
            }
        }
        #expect(opened > 0)
    }

    @Test("pickles whose archive is whole")
    func pickles() throws {
        let folder = try ScratchFolder()
        let views = try ZipArchive(file: Fixture.file("torch/views.pth"))
        let parts = try views.entries.map { ($0.name, try views.contents(of: $0, limit: 1 << 20)) }
        var generator = SeededRandom(seed: 12)
        for round in 0..<4000 {
            let entries = parts.map {
                TestZip.Entry(name: $0.0, data: $0.0 == "archive/data.pkl" ? mutate($0.1, using: &generator) : $0.1)
            }
            let file = try folder.write(TestZip(entries).bytes)
            do {
                let checkpoint = try TorchCheckpoint(file: file)
                for name in checkpoint.names { _ = try checkpoint.floats(name) }
            } catch {
                #expect(!error.description.contains("\n"), "seed 12, round \(round): \(error)")
            }
        }
    }

    @Test("safetensors files")
    func safetensors() throws {
        let folder = try ScratchFolder()
        let bytes = try Fixture.bytes("safetensors/plain.safetensors")
        var generator = SeededRandom(seed: 13)
        for round in 0..<3000 {
            let file = try folder.write(mutate(bytes, using: &generator))
            do {
                let model = try SafetensorsFile(file: file)
                for name in model.names { _ = try model.floats(name) }
            } catch {
                #expect(!error.description.contains("\n"), "seed 13, round \(round): \(error)")
            }
        }
    }

    @Test("zip and gzip files", arguments: ["zip/mixed.zip", "gzip/one.gz", "gzip/two.gz"])
    func archives(name: String) throws {
        let folder = try ScratchFolder()
        let bytes = try Fixture.bytes(name)
        var generator = SeededRandom(seed: 14)
        for round in 0..<2000 {
            let file = try folder.write(mutate(bytes, using: &generator))
            do {
                if name.hasSuffix(".zip") {
                    let archive = try ZipArchive(file: file)
                    for entry in archive.entries { _ = try archive.contents(of: entry, limit: 1 << 20) }
                } else {
                    _ = try Gzip.inflate(file, limit: 1 << 20)
                }
            } catch {
                #expect(error is ZipError || error is GzipError, "seed 14, round \(round): \(error)")
            }
        }
    }
}
