import Formats

/// Decodes an upload as it comes, in whatever format it has.
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
    private static let needed = 32

    private var state: State
    private let width: Int
    private let limits: ArrayLimits
    private let refusesRows: Bool

    /// A decoder for rows of `width` where the upload is plain float32.
    init(format: UploadFormat, width: Int, limits: ArrayLimits) {
        self.width = width
        self.limits = limits
        refusesRows = format == .unlabelled
        switch format {
        case .npy: state = .npy(NPYDecoder(limits: limits))
        case .safetensors: state = .safetensors(SafetensorsDecoder(limits: limits))
        case .json: state = .json(FeatureJSONDecoder(limits: limits))
        case .bytes, .unlabelled, .multipart: state = .undecided([])
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
        // A header of 16 MiB or more would be plain rows that happen to look like one.
        case .safetensors where first.count > 8 && first[3] == 0:
            state = .safetensors(SafetensorsDecoder(limits: limits))
        case .torchZip, .legacyTorch:
            throw ArrayDecodingError(
                .unsupported, "these are no features but a PyTorch checkpoint: vigil import makes a model of it")
        case .gzip where first.count > 3 && first[2] == 8 && first[3] < 0x20:
            throw ArrayDecodingError(
                .unsupported, "these are no features but gzip data: unpack it, or send it with Content-Encoding: gzip")
        case .html, .gitLFSPointer:
            throw ArrayDecodingError(
                .unsupported,
                "these are no features but a \(kind == .html ? "web page" : "Git LFS pointer"): fetch the file itself")
        default:
            guard !refusesRows else {
                throw ArrayDecodingError(
                    .malformed,
                    "the body is no .npy and has no type that says what it is: send it with Content-Type "
                        + "application/octet-stream if it is plain float32 rows")
            }
            state = .rows(RawFloatDecoder(width: width, limits: limits))
        }
        try feed(first)
    }
}
