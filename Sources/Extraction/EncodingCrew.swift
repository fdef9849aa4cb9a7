import Platform
import Tensors

/// Threads that make features of squares, batch by batch; what comes out is in the order of what went in.
///
/// Whoever gives squares waits where the threads have enough of them, so that no more are held than are at work and next.
final class EncodingCrew<Encoder: FrameEncoder>: Sendable {
    /// Squares that a thread encodes as one product.
    static var batch: Int { 4 }

    private struct Board: Sendable {
        var waiting: [(number: Int, images: [[UInt8]])] = []
        var done: [Int: Matrix] = [:]
        /// Of the next batch to come.
        var given = 0
        /// Of the next batch to be taken back.
        var taken = 0
        var isClosed = false
    }

    private let board = Monitor(Board())
    private let threads: Int

    /// Threads of a crew that may be none: then whoever gives squares encodes them.
    init(_ encoder: Encoder, threads: Int) {
        var started = 0
        for _ in 0..<max(threads, 1) {
            let code = OwnThread.run(name: "vigil-frames", stackBytes: 1 << 20) { [board] in
                Self.work(board, encoder)
            }
            if code == 0 { started += 1 }
        }
        self.threads = started
        spare = started == 0 ? encoder : nil
    }

    private let spare: Encoder?

    deinit { close() }

    /// Gives a batch, and waits until there is room for the next one.
    func give(_ images: [[UInt8]]) {
        if let spare {
            let features = spare.encode(images, with: spare.scratch(images: Self.batch))
            return board.withLock { board in
                board.done[board.given] = features
                board.given += 1
            }
        }
        board.withLock { board in
            board.waiting.append((board.given, images))
            board.given += 1
        }
        board.wakeAll()
        board.wait { [threads] board in board.waiting.count <= threads ? () : nil }
    }

    /// The next batch's features where they are there.
    func takeDone() -> Matrix? { board.withLock { Self.next(&$0) } }

    /// The next batch's features; nil where all have been taken.
    func take() -> Matrix? {
        board.wait { board -> Matrix?? in
            if board.taken == board.given { return .some(nil) }
            return Self.next(&board).map { .some($0) }
        }
    }

    /// Ends the threads, which leave what waits.
    func close() {
        board.withLock { $0.isClosed = true }
        board.wakeAll()
    }

    private static func next(_ board: inout Board) -> Matrix? {
        guard let features = board.done.removeValue(forKey: board.taken) else { return nil }
        board.taken += 1
        return features
    }

    private static func work(_ board: Monitor<Board>, _ encoder: Encoder) {
        let scratch = encoder.scratch(images: batch)
        while true {
            let work = board.wait { board -> (number: Int, images: [[UInt8]])?? in
                if board.isClosed { return .some(nil) }
                return board.waiting.isEmpty ? nil : .some(board.waiting.removeFirst())
            }
            guard let work else { return }
            let features = encoder.encode(work.images, with: scratch)
            board.withLock { $0.done[work.number] = features }
            board.wakeAll()
        }
    }
}

/// Squares that come one after the other and are encoded in whole batches; each feature is handed over in its turn.
struct EncodingQueue<Encoder: FrameEncoder, Tag> {
    private let crew: EncodingCrew<Encoder>
    private let taken: (Tag, ArraySlice<Float>) -> Void
    private var images: [[UInt8]] = []
    private var tags: [Tag] = []
    private var first = 0

    /// - Parameter taken: gets each feature with what its square was called
    init(_ encoder: Encoder, threads: Int, taken: @escaping (Tag, ArraySlice<Float>) -> Void) {
        crew = EncodingCrew(encoder, threads: threads)
        self.taken = taken
    }

    /// Encodes a square, now or with the next ones.
    mutating func add(_ image: [UInt8], _ tag: Tag) {
        images.append(image)
        tags.append(tag)
        guard images.count == EncodingCrew<Encoder>.batch else { return }
        crew.give(images)
        images = []
        while let features = crew.takeDone() { handOver(features) }
    }

    /// Encodes what is left, and waits for all of it.
    mutating func finish() {
        if !images.isEmpty { crew.give(images) }
        images = []
        while let features = crew.take() { handOver(features) }
        crew.close()
    }

    private mutating func handOver(_ features: Matrix) {
        for row in 0..<features.rows {
            taken(tags[first], features[row: row])
            first += 1
        }
        if first > 4_096 {
            tags.removeFirst(first)
            first = 0
        }
    }
}
