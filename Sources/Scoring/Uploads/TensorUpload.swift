import Formats
import Jobs

/// What was sent as tensors: one video, or a batch of them one above the other.
///
/// `features` is [T, width], or [B, T, width] with the rows of B videos; of the videos of a batch that are shorter than T
/// `lengths`, [B], says how long they are, and what stands behind their ends is not looked at.
package struct TensorUpload: Sendable {
    /// The matrices; a batch is one where there is more than one.
    package var upload: Upload
    /// The axes before that of the features: [T] or [B, T].
    package let axes: [Int]
    /// What else was asked for.
    package let request: InferenceRequest

    fileprivate static let features = "features"
    private static let lengths = "lengths"
    /// Whole numbers up to here are told by a float32.
    private static let mostLength: Float = 0x1p24

    /// The tensors that are taken.
    package static let inputs = [
        InferenceSignature.Input(features, [.float32, .float16]), InferenceSignature.Input(lengths, [.int64, .int32]),
    ]

    /// Takes a request's tensors apart, which are given away; throws where they don't fit together.
    ///
    /// - Parameters:
    ///   - mostMatrices: videos that there may be
    ///   - hold: told how many bytes of memory all of it takes while it is taken apart
    init(
        _ given: consuming InferenceRequest, mostMatrices: Int, hold: (Int) throws -> Void
    ) throws {
        var request = given
        let lengths = request[input: Self.lengths]
        guard let array = request.inputs.first(where: { $0.name.hasBytes(of: Self.features) })?.array else {
            throw ArrayDecodingError(.missing, "the request has no input 'features'")
        }
        request.inputs = []
        let isBatch = array.shape.count == 3
        let (videos, rows) = isBatch ? (array.shape[0], array.shape[1]) : (1, array.shape.first ?? 0)
        guard videos > 0 else {
            throw ArrayDecodingError(
                .unfit, "'features' has the shape \(array.shape) and no video: expected at least one")
        }
        guard videos <= mostMatrices else {
            throw ArrayDecodingError(
                .tooMany, "'features' has \(videos) videos; at most \(mostMatrices) are taken at once")
        }
        guard !isBatch || !array.values.isEmpty else {
            throw ArrayDecodingError(
                .unfit, "'features' has the shape \(array.shape) and no rows: expected at least one")
        }
        let counts = try Self.counts(lengths, videos: videos, rows: rows)
        self.request = request
        axes = isBatch ? [videos, rows] : [rows]
        let matrices = try Self.matrices(of: array, counts, rows: rows, hold: hold)
        upload = Upload(
            matrices: matrices.enumerated().map { video, own in
                NamedMatrix(
                    name: videos > 1 ? "\(video)" : nil, file: videos > 1 ? "features[\(video)]" : nil, array: own)
            }, isBatch: videos > 1)
    }

    /// The rows of each video. What is all of the array is that itself; what is a part is held beside it, until it goes.
    private static func matrices(
        of array: DecodedArray, _ counts: [Int], rows: Int, hold: (Int) throws -> Void
    ) throws -> [DecodedArray] {
        guard array.shape.count == 3 || array.shape.count == 2, let width = array.shape.last, !array.values.isEmpty
        else {
            return [array]
        }
        if counts == [rows] {
            return [DecodedArray(shape: [rows, width], elementType: array.elementType, values: array.values)]
        }
        let kept = counts.reduce(0, +) * width
        try hold(4 * (array.values.count + kept))
        return counts.enumerated().map { video, count in
            let start = video * rows * width
            return DecodedArray(
                shape: [count, width], elementType: array.elementType,
                values: Array(array.values[start..<start + count * width]))
        }
    }

    /// How many rows each video has.
    private static func counts(_ lengths: DecodedArray?, videos: Int, rows: Int) throws(ArrayDecodingError) -> [Int] {
        guard let lengths else { return Array(repeating: rows, count: videos) }
        guard lengths.shape == [videos] || lengths.shape == [videos, 1] else {
            throw ArrayDecodingError(
                .unfit, "'lengths' has the shape \(lengths.shape): expected [\(videos)], a number of rows a video")
        }
        var counts: [Int] = []
        for (video, length) in lengths.values.enumerated() {
            guard length >= 1, length < mostLength, Int(length) <= rows else {
                throw ArrayDecodingError(
                    .unfit, "lengths[\(video)] is out of range: expected 1 to \(rows), the rows that 'features' has")
            }
            counts.append(Int(length))
        }
        return counts
    }
}

extension ScoringService {
    /// Reads a request of tensors for a model, within what `reservation` holds and lets it grow to.
    ///
    /// - Parameters:
    ///   - pieces: the body in pieces, as they come
    ///   - declaredLength: how many bytes are said to come, where that is known
    ///   - headerLength: how many of them are JSON, where bytes of tensors may follow
    ///   - outputs: what can be asked for
    ///   - client: whose jobs they will be: a batch of more than it may have queued is refused once its shape is known
    package func readTensors<Pieces: AsyncSequence>(
        _ pieces: Pieces, declaredLength: Int?, headerLength: Int?, outputs: [String], client: String,
        reservation: Reservation
    ) async throws(ScoringError) -> TensorUpload where Pieces.Element == [UInt8] {
        var decoder = InferenceDecoder(
            InferenceSignature(inputs: TensorUpload.inputs, outputs: outputs), headerBytes: headerLength,
            totalBytes: declaredLength, limits: ArrayLimits(maxElements: settings.maxBodyBytes))
        let share = backlog.limits.share(of: client).jobs
        do {
            var iterator = pieces.makeAsyncIterator()
            while let piece = try await iterator.next() {
                try decoder.feed(piece)
                try reservation.advance(by: piece.count, holding: decoder.heldBytes)
                if let shape = decoder.shape(of: TensorUpload.features), shape.count == 3, shape[0] > max(share, 1),
                    share < maxMatrices
                {
                    throw SubmitError.beyondShare(limit: share)
                }
            }
            reservation.arrived()
            return try TensorUpload(try decoder.finish(), mostMatrices: maxMatrices) { bytes throws(SubmitError) in
                try reservation.grow(toBytes: bytes)
            }
        } catch {
            throw UploadReader.told(reservation.isLost ? SubmitError.tooSlow : error)
        }
    }
}
