import Formats
import JSON

/// Decodes a file of one matrix as it comes, in whatever format it has.
struct UploadDecoder: ArrayDecoder {
    private enum State {
        /// The first bytes, until there are enough to tell the format.
        case undecided(UploadFront)
        case npy(NPYDecoder)
        case safetensors(SafetensorsDecoder)
        case json(FeatureJSONDecoder)
        case rows(RawFloatDecoder)
    }

    /// What is said of a checkpoint that was sent as features.
    static let checkpoint = ArrayDecodingError(
        .unsupported,
        "these are no features but a PyTorch checkpoint or another file of torch.save: vigil import makes a model of a "
            + "checkpoint, and a tensor of features is written as .npy by numpy.save")

    private var state: State
    private let width: Int
    private let limits: ArrayLimits
    private let format: UploadFormat
    private let place: FilePlace

    /// A decoder for rows of `width` where the upload is plain float32.
    ///
    /// - Parameter place: where the file stands
    init(format: UploadFormat, width: Int, limits: ArrayLimits, place: FilePlace = .body) {
        self.width = width
        self.limits = limits
        self.format = format
        self.place = place
        state = .undecided(UploadFront())
    }

    /// A decoder for a file of which it is known how it is read.
    init(
        _ contents: UploadContents, format: UploadFormat, width: Int, limits: ArrayLimits, place: FilePlace
    ) throws(ArrayDecodingError) {
        self.init(format: format, width: width, limits: limits, place: place)
        try begin(contents)
    }

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
        }
    }

    var heldBytes: Int {
        switch state {
        case .undecided(let front): front.bytes.count
        case .npy(let decoder): decoder.heldBytes
        case .safetensors(let decoder): decoder.heldBytes
        case .json(let decoder): decoder.heldBytes
        case .rows(let decoder): decoder.heldBytes
        }
    }

    /// What stands beside `features` in JSON.
    var members: FileMembers {
        guard case .json(let decoder) = state else { return FileMembers() }
        return FileMembers(members: decoder.members, fault: decoder.memberFault)
    }

    mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        if case .undecided(let front) = state, !front.bytes.isEmpty { try decide(front, front.kind) }
        switch state {
        case .undecided: throw ArrayDecodingError(.malformed, "it is empty: expected a feature matrix")
        case .npy(var decoder): return try decoder.finish()
        case .safetensors(var decoder): return try decoder.finish()
        case .json(var decoder): return try decoder.finish()
        case .rows(var decoder): return try decoder.finish()
        }
    }

    private mutating func decide(_ front: UploadFront, _ kind: FileKind) throws(ArrayDecodingError) {
        try begin(try format.contents(of: kind, in: place))
        try feed(front.bytes)
    }

    private mutating func begin(_ contents: UploadContents) throws(ArrayDecodingError) {
        switch contents {
        case .npy: state = .npy(NPYDecoder(limits: limits))
        case .safetensors: state = .safetensors(SafetensorsDecoder(onlyMatrixWithin: limits))
        case .json:
            state = .json(
                FeatureJSONDecoder(limits: limits, width: width, keepsMembers: true, defersFaults: place != .body))
        case .rows: state = .rows(RawFloatDecoder(width: width, limits: limits))
        case .zip: throw Self.checkpoint
        }
    }
}
