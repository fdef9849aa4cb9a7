import Platform

extension TorchCheckpoint {
    /// Says what the file is where it is plainly something else.
    static func refuseOtherKinds(_ file: MappedFile) throws(CheckpointError) {
        let reason: String
        switch FileKind.detect(file) {
        case .torchZip: return
        case .legacyTorch:
            reason = "is in the format of PyTorch before 1.6; load it with torch.load and save it again with torch.save"
        case .safetensors: reason = "is a safetensors file, not a PyTorch checkpoint"
        case .npy: reason = "is a numpy array, not a PyTorch checkpoint"
        case .gzip: reason = "is gzip data, not a PyTorch checkpoint; unpack it first"
        case .json: reason = "is JSON, not a PyTorch checkpoint"
        case .html: reason = "is a web page, not a PyTorch checkpoint; the download went wrong"
        case .gitLFSPointer:
            reason = "is a Git LFS pointer, which stands for the checkpoint; fetch it with git lfs pull"
        case .foreign(let format): reason = "is \(format.name), not a PyTorch checkpoint"
        case .unknown:
            reason = file.count == 0 ? "is empty" : "is not a PyTorch checkpoint: it does not begin as a zip archive"
        }
        throw .notACheckpoint(path: file.path, reason: reason)
    }

    /// The one `data.pkl` in a top folder, whatever that is called, and the folder with its slash.
    static func findPickle(_ archive: ZipArchive) throws(CheckpointError) -> (folder: String, pickle: ZipEntry) {
        let path = archive.file.path
        var found: [(folder: String, pickle: ZipEntry)] = []
        for entry in archive.entries {
            let parts = entry.name.pieces(between: ASCII.slash)
            if parts.count == 2, parts[1] == "data.pkl" { found.append((parts[0] + "/", entry)) }
        }
        guard let first = found.first else {
            throw .notACheckpoint(
                path: path, reason: "is a zip archive without a checkpoint: it has no FOLDER/data.pkl")
        }
        guard found.count == 1 else {
            throw .notACheckpoint(path: path, reason: "is a zip archive with \(found.count) files named data.pkl")
        }
        guard !archive.entries.contains(where: { $0.name.begins(with: first.folder + "code/") }) else {
            throw .notACheckpoint(
                path: path,
                reason: "is a TorchScript archive, which holds a program; save the model's state_dict() instead")
        }
        return first
    }

    /// Refuses tensors that together claim many times the numbers that are in the file, as views with stride 0 and
    /// storages shared by all can: a small file would grow to gigabytes wherever it is read.
    static func refuseInflated(_ tensors: [TorchTensor], path: String) throws(CheckpointError) {
        var claimed = 0
        var stored = 0
        var storages: Set<ByteText> = []
        for tensor in tensors {
            claimed = Int(clamping: UInt64(claimed) &+ UInt64(min(tensor.elementCount, 1 << 50)))
            if storages.insert(ByteText(tensor.storage.name)).inserted {
                stored += tensor.storage.size / tensor.elementType.byteSize
            }
        }
        guard claimed <= 4 * stored + (4 << 20) else {
            throw .notACheckpoint(
                path: path, reason: "has tensors of \(claimed) elements in all, but only \(stored) numbers to fill them"
            )
        }
    }

    /// Files since PyTorch 2.0 say their byte order; older ones are little-endian.
    static func checkByteOrder(_ archive: ZipArchive, folder: String) throws(CheckpointError) {
        guard let entry = archive.entry(named: folder + "byteorder") else { return }
        let path = archive.file.path
        let text: [UInt8]
        do throws(ZipError) { text = try archive.contents(of: entry, limit: 64) } catch {
            throw .archive(path: path, error)
        }
        guard text.elementsEqual("little".utf8) else {
            let order = quoted(String(decoding: text, as: UTF8.self))
            throw .notACheckpoint(path: path, reason: "has the byte order \(order), and only 'little' is read")
        }
    }
}
