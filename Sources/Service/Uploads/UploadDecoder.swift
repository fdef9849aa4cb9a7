import Formats

/// Decodes a file of one matrix as it comes, in whatever format it has.
struct UploadDecoder: ArrayDecoder {
    private enum State {
        /// The first bytes, until there are enough to tell the format.
        case undecided([UInt8])
        case npy(NPYDecoder)
        case safetensors(SafetensorsDecoder)
        case json(FeatureJSONDecoder)
        case rows(RawFloatDecoder)
    }

    /// Bytes that tell one format from another.
    static let needed = 32
    /// What is said of a checkpoint that was sent as features.
    static let checkpoint = ArrayDecodingError(
        .unsupported, "these are no features but a PyTorch checkpoint: vigil import makes a model of it")

    private var state: State
    private let width: Int
    private let limits: ArrayLimits
    private let format: UploadFormat

    /// A decoder for rows of `width` where the upload is plain float32.
    ///
    /// - Parameter keepsMembers: whether what stands beside `features` in JSON is wanted
    init(format: UploadFormat, width: Int, limits: ArrayLimits, keepsMembers: Bool = false) {
        self.width = width
        self.limits = limits
        self.format = format
        switch format {
        case .npy: state = .npy(NPYDecoder(limits: limits))
        case .safetensors: state = .safetensors(SafetensorsDecoder(onlyMatrixWithin: limits))
        case .json: state = .json(FeatureJSONDecoder(limits: limits, keepsMembers: keepsMembers))
        case .bytes, .unlabelled, .recognised, .zip, .multipart: state = .undecided([])
        }
    }

    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        switch state {
        case .undecided(var first):
            let taken = min(Self.needed - first.count, bytes.count)
            first.append(contentsOf: bytes.prefix(taken))
            state = .undecided(first)
            guard first.count == Self.needed else { return }
            try decide(first)
            try feed(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(taken)))
        case .npy(var decoder):
            state = .undecided([])
            try decoder.feed(bytes)
            state = .npy(decoder)
        case .safetensors(var decoder):
            state = .undecided([])
            try decoder.feed(bytes)
            state = .safetensors(decoder)
        case .json(var decoder):
            state = .undecided([])
            try decoder.feed(bytes)
            state = .json(decoder)
        case .rows(var decoder):
            state = .undecided([])
            try decoder.feed(bytes)
            state = .rows(decoder)
        }
    }

    var heldBytes: Int {
        switch state {
        case .undecided(let first): first.count
        case .npy(let decoder): decoder.heldBytes
        case .safetensors(let decoder): decoder.heldBytes
        case .json(let decoder): decoder.heldBytes
        case .rows(let decoder): decoder.heldBytes
        }
    }

    /// What stands beside `features` in JSON, if it is wanted.
    var members: [JSONValue.Member] {
        if case .json(let decoder) = state { decoder.members } else { [] }
    }

    mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        if case .undecided(let first) = state { try decide(first) }
        switch state {
        case .undecided: throw ArrayDecodingError(.malformed, "the upload is empty: expected a feature matrix")
        case .npy(var decoder): return try decoder.finish()
        case .safetensors(var decoder): return try decoder.finish()
        case .json(var decoder): return try decoder.finish()
        case .rows(var decoder): return try decoder.finish()
        }
    }

    private mutating func decide(_ first: [UInt8]) throws(ArrayDecodingError) {
        if first.isEmpty { return }
        let kind = first.withUnsafeBytes { FileKind.detect($0) }
        switch kind {
        case .npy: state = .npy(NPYDecoder(limits: limits))
        case .safetensors where Self.isTensors(first):
            state = .safetensors(SafetensorsDecoder(onlyMatrixWithin: limits))
        case .json where format == .recognised: state = .json(FeatureJSONDecoder(limits: limits))
        case .torchZip where format == .zip:
            throw ArrayDecodingError(.unsupported, "this is a zip archive: expected one matrix, so unpack it first")
        case .torchZip, .legacyTorch: throw Self.checkpoint
        case .gzip where first.count > 3 && first[2] == 8 && first[3] < 0x20:
            throw ArrayDecodingError(
                .unsupported, "these are no features but gzip data: unpack it, or send it with Content-Encoding: gzip")
        case .html, .gitLFSPointer:
            throw ArrayDecodingError(
                .unsupported,
                "these are no features but a \(kind == .html ? "web page" : "Git LFS pointer"): fetch the file itself")
        default:
            if let refusal = refusalOfRows { throw refusal }
            state = .rows(RawFloatDecoder(width: width, limits: limits))
        }
        try feed(first)
    }

    /// Whether bytes that look like a safetensors file are one: with a header of 16 MiB or more they would be plain rows.
    static func isTensors(_ first: [UInt8]) -> Bool { first.count > 8 && first[3] == 0 }

    /// Why bytes without a known beginning are not taken for rows; nil where they are.
    private var refusalOfRows: ArrayDecodingError? {
        switch format {
        case .unlabelled:
            ArrayDecodingError(
                .malformed,
                "the body is no .npy and has no type that says what it is: send it with Content-Type "
                    + "application/octet-stream if it is plain float32 rows")
        case .recognised:
            ArrayDecodingError(
                .malformed,
                "it is no .npy, no safetensors and no JSON file; one of plain float32 rows needs a name that ends in "
                    + ".bin, .f32 or .raw")
        case .zip: ArrayDecodingError(.malformed, "it is no zip archive")
        default: nil
        }
    }
}
