import Formats
import JSON
import Jobs

/// Decodes one uploaded file as it comes: into its matrix, or into its matrices where it holds several.
struct ContentDecoder {
    private enum State {
        /// The first bytes, until there are enough to tell the format.
        case undecided(UploadFront)
        case one(UploadDecoder)
        case tensors(SafetensorsMatricesDecoder)
        case zip(ZipUpload)
    }

    /// What a file has turned out to hold.
    private enum Content {
        case one(DecodedArray, FileMembers)
        case tensors([NamedArray], passedOver: [String])
        case archive(ZipMatrices)
    }

    private var state: State
    private let name: MatrixName
    private let format: UploadFormat
    private let width: Int
    private let limits: ArrayLimits
    private let expectedBytes: Int?
    /// What is to be said of each of its matrices.
    private let notes: [String]

    /// - Parameters:
    ///   - name: what the file is called; its errors say so
    ///   - width: numbers a row where the file is plain float32
    ///   - expectedBytes: how many bytes the file has, where that is known and reserved
    ///   - notes: what is to be said of each of its matrices
    init(
        _ name: MatrixName, format: UploadFormat, width: Int, limits: ArrayLimits, expectedBytes: Int? = nil,
        notes: [String] = []
    ) {
        self.name = name
        self.notes = notes
        self.format = format
        self.width = width
        self.limits = limits
        self.expectedBytes = expectedBytes
        state = .undecided(UploadFront())
    }

    /// Bytes of memory that it takes so far.
    var heldBytes: Int {
        switch state {
        case .undecided(let front): front.bytes.count
        case .one(let decoder): decoder.heldBytes
        case .tensors(let decoder): decoder.heldBytes
        case .zip(let upload): upload.heldBytes
        }
    }

    /// Takes the next bytes in.
    mutating func feed(_ bytes: [UInt8]) throws(ArrayDecodingError) {
        try bytes.withUnsafeBufferPointer { buffer throws(ArrayDecodingError) in
            try feed(UnsafeRawBufferPointer(buffer))
        }
    }

    /// Takes the next bytes in.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        do throws(ArrayDecodingError) { try take(bytes) } catch { throw error.told(of: name.file) }
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        switch state {
        case .undecided(var front):
            state = .undecided(UploadFront())
            var rest = bytes
            guard let kind = front.take(&rest) else {
                state = .undecided(front)
                return
            }
            try decide(front, kind)
            try take(rest)
        case .one(var decoder):
            state = .undecided(UploadFront())
            try decoder.feed(bytes)
            state = .one(decoder)
        case .tensors(var decoder):
            state = .undecided(UploadFront())
            try decoder.feed(bytes)
            state = .tensors(decoder)
        case .zip(var upload):
            state = .undecided(UploadFront())
            try upload.feed(bytes)
            state = .zip(upload)
        }
    }

    /// Says that no more bytes come, and adds what came to the matrices; called once.
    ///
    /// - Parameter reservation: grows with what the upload takes while an archive is unpacked
    mutating func finish(into matrices: inout UploadMatrices, _ reservation: Reservation?) async throws {
        let content: Content
        do throws(ArrayDecodingError) { content = try end() } catch { throw error.told(of: name.file) }
        switch content {
        case .one(let array, let members): try matrices.add(array, as: name, notes: notes, beside: members)
        case .tensors(let tensors, let passedOver): try add(tensors, passedOver, to: &matrices)
        case .archive(let archive): try await unpack(archive, into: &matrices, reservation)
        }
    }

    private mutating func end() throws(ArrayDecodingError) -> Content {
        if case .undecided(let front) = state, !front.bytes.isEmpty { try decide(front, front.kind) }
        let last = state
        state = .undecided(UploadFront())
        switch last {
        case .undecided: throw ArrayDecodingError(.malformed, "it is empty: expected a feature matrix")
        case .one(var decoder):
            let array = try decoder.finish()
            return .one(array, decoder.members)
        case .tensors(var decoder):
            let tensors = try decoder.finish()
            return .tensors(tensors, passedOver: decoder.passedOver)
        case .zip(let upload): return .archive(try upload.open(width: width, limits: limits))
        }
    }

    private mutating func decide(_ front: UploadFront, _ kind: FileKind) throws(ArrayDecodingError) {
        let place: FilePlace = name.file == nil ? .body : .part
        switch try format.contents(of: kind, in: place) {
        case .zip: state = .zip(ZipUpload(expectedBytes: expectedBytes))
        case .safetensors: state = .tensors(SafetensorsMatricesDecoder(limits: limits))
        case let contents:
            state = .one(
                try UploadDecoder(contents, format: format, width: width, limits: limits, place: place))
        }
        try front.bytes.withUnsafeBufferPointer { buffer throws(ArrayDecodingError) in
            try take(UnsafeRawBufferPointer(buffer))
        }
    }

    private func add(
        _ tensors: [NamedArray], _ passedOver: [String], to matrices: inout UploadMatrices
    ) throws(ArrayDecodingError) {
        if (tensors.map(\.name) + passedOver).contains(where: Self.isOfModel) {
            throw ArrayDecodingError(
                .unsupported,
                "these are no features but the weights of a model: name it by --model of vigil serve or vigil score, after "
                    + "vigil import where it is a checkpoint")
        }
        let notes = notes + PassedOver.notes(passedOver, matrices.way)
        if tensors.count == 1, let tensor = tensors.first {
            return try matrices.add(tensor.array, as: name.holding(onlyOne: tensor.name), notes: notes)
        }
        for tensor in tensors {
            try matrices.add(tensor.array, as: name.holding(tensor.name, amongOthers: tensor.name), notes: notes)
        }
    }

    /// Whether a tensor is one that every model or checkpoint has, whatever was put before its name.
    private static func isOfModel(_ name: String) -> Bool {
        ("." + name).ends(with: ".frame_position_embeddings.weight")
    }

    private func unpack(
        _ archive: ZipMatrices, into matrices: inout UploadMatrices, _ reservation: Reservation?
    ) async throws {
        let notes = notes + PassedOver.notes(archive.passedOver, matrices.way)
        for file in archive.files {
            var inner = name.holding(file.path, amongOthers: file.name)
            inner.alone = name.holding(onlyOne: file.name).alone
            let held = archive.heldBytes + matrices.heldBytes
            let array: DecodedArray
            let members: FileMembers
            do {
                (array, members) = try archive.decode(file, width: width, limits: limits) {
                    try reservation?.grow(toBytes: held + $0)
                }
            } catch let error as ArrayDecodingError {
                throw error.told(of: inner.file)
            }
            try matrices.add(array, as: inner, notes: notes, beside: members)
            // Others get their turn, as they do between the pieces of a body.
            await Task.yield()
        }
    }
}
