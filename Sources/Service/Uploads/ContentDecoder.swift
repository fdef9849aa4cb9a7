import Formats

/// Decodes one uploaded file as it comes: into its matrix, or into its matrices where it holds several.
struct ContentDecoder {
    private enum State {
        /// The first bytes, until there are enough to tell the format.
        case undecided([UInt8])
        case one(UploadDecoder)
        case tensors(SafetensorsMatricesDecoder)
        case zip(ZipUpload)
    }

    /// What a file has turned out to hold.
    private enum Content {
        case one(DecodedArray)
        case tensors([NamedArray])
        case archive(ZipMatrices)
    }

    private var state: State
    private let name: MatrixName
    private let format: UploadFormat
    private let width: Int
    private let limits: ArrayLimits
    private let expectedBytes: Int?
    /// What stands beside `features` where the file is the whole body, in JSON; there once it has ended.
    private(set) var members: [JSONValue.Member] = []

    /// - Parameters:
    ///   - name: what the file is called; its errors say so
    ///   - width: numbers a row where the file is plain float32
    ///   - expectedBytes: how many bytes the file has, where that is known and reserved
    init(_ name: MatrixName, format: UploadFormat, width: Int, limits: ArrayLimits, expectedBytes: Int? = nil) {
        self.name = name
        self.format = format
        self.width = width
        self.limits = limits
        self.expectedBytes = expectedBytes
        switch format {
        case .npy, .json, .recognised:
            state = .one(
                UploadDecoder(format: format, width: width, limits: limits, keepsMembers: name.file == nil))
        case .safetensors: state = .tensors(SafetensorsMatricesDecoder(limits: limits))
        case .zip: state = .zip(ZipUpload(expectedBytes: expectedBytes))
        case .bytes, .unlabelled, .multipart: state = .undecided([])
        }
    }

    /// Bytes of memory that it takes so far.
    var heldBytes: Int {
        switch state {
        case .undecided(let first): first.count
        case .one(let decoder): decoder.heldBytes
        case .tensors(let decoder): decoder.heldBytes
        case .zip(let upload): upload.heldBytes
        }
    }

    /// Takes the next bytes in.
    mutating func feed(_ bytes: [UInt8]) throws(ArrayDecodingError) {
        do throws(ArrayDecodingError) { try take(bytes) } catch { throw error.told(of: name.file) }
    }

    private mutating func take(_ bytes: [UInt8]) throws(ArrayDecodingError) {
        try bytes.withUnsafeBufferPointer { buffer throws(ArrayDecodingError) in
            try take(UnsafeRawBufferPointer(buffer))
        }
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        switch state {
        case .undecided(var first):
            let taken = min(UploadDecoder.needed - first.count, bytes.count)
            first.append(contentsOf: bytes.prefix(taken))
            state = .undecided(first)
            guard first.count == UploadDecoder.needed else { return }
            try decide(first)
            try take(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(taken)))
        case .one(var decoder):
            state = .undecided([])
            try decoder.feed(bytes)
            state = .one(decoder)
        case .tensors(var decoder):
            state = .undecided([])
            try decoder.feed(bytes)
            state = .tensors(decoder)
        case .zip(var upload):
            state = .undecided([])
            try upload.feed(bytes)
            state = .zip(upload)
        }
    }

    /// Says that no more bytes come, and adds what came to the matrices; called once.
    ///
    /// - Parameter growing: told how much memory the upload takes while an archive is unpacked
    mutating func finish(into matrices: inout UploadMatrices, growing: (Int) throws -> Void) async throws {
        let content: Content
        do throws(ArrayDecodingError) { content = try end() } catch { throw error.told(of: name.file) }
        switch content {
        case .one(let array): try matrices.add(array, as: name)
        case .tensors(let tensors): try add(tensors, to: &matrices)
        case .archive(let archive): try await unpack(archive, into: &matrices, growing)
        }
    }

    private mutating func end() throws(ArrayDecodingError) -> Content {
        if case .undecided(let first) = state { try decide(first) }
        let last = state
        state = .undecided([])
        switch last {
        case .undecided: throw ArrayDecodingError(.malformed, "the upload is empty: expected a feature matrix")
        case .one(var decoder):
            members = decoder.members
            return .one(try decoder.finish())
        case .tensors(var decoder): return .tensors(try decoder.finish())
        case .zip(let upload): return .archive(try upload.open(limits: limits))
        }
    }

    private mutating func decide(_ first: [UInt8]) throws(ArrayDecodingError) {
        switch first.withUnsafeBytes({ FileKind.detect($0) }) {
        case .torchZip: state = .zip(ZipUpload(expectedBytes: expectedBytes))
        case .safetensors where UploadDecoder.isTensors(first):
            state = .tensors(SafetensorsMatricesDecoder(limits: limits))
        default: state = .one(UploadDecoder(format: format, width: width, limits: limits))
        }
        try take(first)
    }

    private func add(_ tensors: [NamedArray], to matrices: inout UploadMatrices) throws(ArrayDecodingError) {
        if tensors.count == 1, let tensor = tensors.first {
            var name = name
            if tensor.name != "features" { name.alone = name.alone ?? tensor.name }
            return try matrices.add(tensor.array, as: name)
        }
        matrices.isBatch = true
        for tensor in tensors {
            try matrices.add(tensor.array, as: name.holding(tensor.name, amongOthers: tensor.name))
        }
    }

    private func unpack(
        _ archive: ZipMatrices, into matrices: inout UploadMatrices, _ growing: (Int) throws -> Void
    ) async throws {
        matrices.isBatch = true
        for file in archive.files {
            let inner = name.holding(file.path, amongOthers: file.name)
            let held = archive.heldBytes + matrices.heldBytes
            let array: DecodedArray
            do {
                array = try archive.decode(file, width: width, limits: limits) { try growing(held + $0) }
            } catch let error as ArrayDecodingError {
                throw error.told(of: inner.file)
            }
            try matrices.add(array, as: inner)
            // Others get their turn, as they do between the pieces of a body.
            await Task.yield()
        }
    }
}
