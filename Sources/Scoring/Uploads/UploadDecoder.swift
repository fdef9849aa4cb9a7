import Formats
import JSON

/// Decodes one file of an upload as it comes, in whatever format it has.
struct UploadDecoder {
    private enum State {
        /// The first bytes, until there are enough to tell the format.
        case undecided(UploadFront)
        case npy(NPYDecoder)
        case safetensors(SafetensorsDecoder)
        case json(FeatureJSONDecoder)
        case rows(RawFloatDecoder)
        case zip(ZipUpload)
    }

    /// What is said of a checkpoint that was sent as features.
    static let checkpoint = ArrayDecodingError(
        .unsupported,
        "these are no features but a PyTorch checkpoint or another file of torch.save: vigil import makes a model of a "
            + "checkpoint, and a tensor of features is written as .npy by numpy.save")

    private var state = State.undecided(UploadFront())
    private let format: UploadFormat
    private let width: Int
    private let limits: ArrayLimits
    private let place: FilePlace
    private let expectedBytes: Int?

    /// - Parameters:
    ///   - width: numbers a row where the file is plain float32
    ///   - place: where the file stands; in an archive it has one matrix
    ///   - expectedBytes: how many bytes the file has, where that is known and reserved
    init(
        format: UploadFormat, width: Int, limits: ArrayLimits, place: FilePlace = .body, expectedBytes: Int? = nil
    ) {
        self.format = format
        self.width = width
        self.limits = limits
        self.place = place
        self.expectedBytes = expectedBytes
    }

    /// Bytes of memory that it takes so far.
    var heldBytes: Int {
        switch state {
        case .undecided(let front): front.bytes.count
        case .npy(let decoder): decoder.heldBytes
        case .safetensors(let decoder): decoder.heldBytes
        case .json(let decoder): decoder.heldBytes
        case .rows(let decoder): decoder.heldBytes
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
        switch state {
        case .undecided(var front):
            state = .undecided(UploadFront())
            var rest = bytes
            guard let kind = front.take(&rest) else {
                state = .undecided(front)
                return
            }
            try decide(front, kind)
            try feed(rest)
        case .npy(var decoder):
            state = .undecided(UploadFront())
            try decoder.feed(bytes)
            state = .npy(decoder)
        case .safetensors(var decoder):
            state = .undecided(UploadFront())
            try decoder.feed(bytes)
            state = .safetensors(decoder)
        case .json(var decoder):
            state = .undecided(UploadFront())
            try decoder.feed(bytes)
            state = .json(decoder)
        case .rows(var decoder):
            state = .undecided(UploadFront())
            try decoder.feed(bytes)
            state = .rows(decoder)
        case .zip(var upload):
            state = .undecided(UploadFront())
            try upload.feed(bytes)
            state = .zip(upload)
        }
    }

    /// Says that no more bytes come, and gives what the file holds. Called once.
    mutating func finish() throws(ArrayDecodingError) -> FileContent {
        if case .undecided(let front) = state, !front.bytes.isEmpty { try decide(front, front.kind) }
        let last = state
        state = .undecided(UploadFront())
        switch last {
        case .undecided: throw ArrayDecodingError(.malformed, "it is empty: expected a feature matrix")
        case .npy(var decoder): return .array(try decoder.finish(), beside: FileMembers())
        case .safetensors(var decoder):
            if place == .entry { return .array(try decoder.finish(), beside: FileMembers()) }
            return .tensors(try decoder.finishAll(), passedOver: decoder.passedOver)
        case .json(var decoder):
            let array = try decoder.finish()
            return .array(array, beside: FileMembers(members: decoder.members, fault: decoder.memberFault))
        case .rows(var decoder): return .array(try decoder.finish(), beside: FileMembers())
        case .zip(let upload): return .archive(try upload.open(width: width, limits: limits))
        }
    }

    private mutating func decide(_ front: UploadFront, _ kind: FileKind) throws(ArrayDecodingError) {
        switch try format.contents(of: kind, in: place) {
        case .npy: state = .npy(NPYDecoder(limits: limits))
        case .safetensors where place == .entry: state = .safetensors(SafetensorsDecoder(onlyMatrixWithin: limits))
        case .safetensors: state = .safetensors(SafetensorsDecoder(matricesWithin: limits))
        case .json:
            state = .json(
                FeatureJSONDecoder(limits: limits, width: width, keepsMembers: true, defersFaults: place != .body))
        case .rows: state = .rows(RawFloatDecoder(width: width, limits: limits))
        case .zip where place == .entry: throw Self.checkpoint
        case .zip: state = .zip(ZipUpload(expectedBytes: expectedBytes))
        }
        try feed(front.bytes)
    }
}

/// What a file of an upload has turned out to hold.
enum FileContent {
    /// One array, and what stands beside it where the file is JSON.
    case array(DecodedArray, beside: FileMembers)
    /// Tensors by their names, at least one, and the names of those that are no features.
    case tensors([(name: String, array: DecodedArray)], passedOver: [String])
    /// Further files.
    case archive(ZipMatrices)
}

/// What stands beside `features` in a JSON file: parameters, where it is the upload's only file.
struct FileMembers {
    var members: [JSONValue.Member] = []
    /// Where there was more than parameters can be.
    var fault: (name: String, error: ArrayDecodingError)?

    /// Their names, as far as they are known.
    var names: [String] { members.map(\.name) + (fault.map { [$0.name] } ?? []) }

    /// All of them as parameters.
    func parameters() throws(ArrayDecodingError) -> [Parameter] {
        if let fault { throw fault.error }
        return members.map { Parameter($0.name, .json($0.value)) }
    }
}

/// The first bytes of a file, kept until they tell what it is.
struct UploadFront {
    private(set) var bytes: [UInt8] = []

    /// Takes what is missing off the front of `piece`; what the file is, once that is known.
    mutating func take(_ piece: inout UnsafeRawBufferPointer) -> FileKind? {
        while true {
            let wanted = bytes.count < FileKind.markBytes ? FileKind.markBytes : FileKind.frontBytes
            let taken = min(wanted - bytes.count, piece.count)
            bytes.append(contentsOf: piece.prefix(taken))
            piece = UnsafeRawBufferPointer(rebasing: piece.dropFirst(taken))
            guard bytes.count == wanted else { return nil }
            if wanted == FileKind.frontBytes { return kind }
            let marked = bytes.withUnsafeBytes { FileKind.marked($0) }
            if marked != .unknown { return marked }
        }
    }

    /// What the file is if no more bytes come.
    var kind: FileKind { bytes.withUnsafeBytes { FileKind.detect($0) } }
}
