/// A fixed block of floats, filled once and then only read: weights, biases, gains.
///
/// Weights of fewer bits are kept in it too, as words of 32 bits.
/// It owns its memory, on a 64-byte boundary, or reads memory that `owner` keeps alive, a mapped file for instance.
///
/// `@unchecked Sendable`: owned memory is written inside `init` alone, before any other thread can see the object, and
/// is freed when the last reference goes; memory of an owner is never written.
public final class AlignedFloats: @unchecked Sendable {
    /// Floats in the block.
    public let count: Int
    let base: UnsafePointer<Float>
    private let owner: AnyObject?

    /// Reserves `count` floats and lets `fill` write all of them.
    init(count: Int, fill: (UnsafeMutablePointer<Float>) -> Void) {
        let memory = AlignedFloats.reserve(count)
        fill(memory)
        self.count = count
        base = UnsafePointer(memory)
        owner = nil
    }

    /// A copy of `values`.
    public convenience init(_ values: [Float]) {
        self.init(count: values.count) { base in
            values.withUnsafeBufferPointer { if let from = $0.baseAddress { base.update(from: from, count: $0.count) } }
        }
    }

    /// Reads `floats` where they are. They must not change and stay in place as long as `owner` lives.
    public init?(reading floats: UnsafeBufferPointer<Float>, of owner: AnyObject) {
        guard let start = floats.baseAddress else { return nil }
        count = floats.count
        base = start
        self.owner = owner
    }

    /// Some of the floats of `whole`, which stays as long as they do.
    private init(_ whole: AlignedFloats, _ range: Range<Int>) {
        count = range.count
        base = whole.base + range.lowerBound
        owner = whole
    }

    /// The floats of `range`, in the same memory.
    func part(_ range: Range<Int>) -> AlignedFloats {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "floats outside the block")
        return AlignedFloats(self, range)
    }

    deinit { if owner == nil { base.deallocate() } }

    /// The value at `index`.
    public subscript(index: Int) -> Float {
        precondition(index >= 0 && index < count)
        return base[index]
    }

    /// Calls `body` with the floats.
    public func withFloats<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeBufferPointer(start: base, count: count))
    }

    /// Zeroed memory on a 64-byte boundary (a cache line and the widest vector); the caller deallocates it.
    static func reserve(_ count: Int) -> UnsafeMutablePointer<Float> {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
        let base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
        base.initialize(repeating: 0, count: max(count, 1))
        return base
    }
}

/// Scratch memory of one worker: matrices reserved once, used again for every chunk.
///
/// Not `Sendable`: a workspace belongs to the thread that made it. The views it hands out point into its memory, so
/// whoever keeps a view keeps the workspace beside it; inside this package that is always the same object.
public final class Workspace {
    private var blocks: [UnsafeMutablePointer<Float>] = []
    /// Numbers in all matrices.
    public private(set) var count = 0

    /// An empty workspace.
    public init() {}

    deinit { for block in blocks { block.deallocate() } }

    /// A zeroed matrix that lives as long as the workspace.
    public func matrix(rows: Int, columns: Int) -> MatrixView {
        precondition(rows >= 0 && columns >= 0)
        return MatrixView(base: words(rows * columns), rows: rows, columns: columns, stride: columns)
    }

    /// Zeroed memory of so many floats.
    func words(_ number: Int) -> UnsafeMutablePointer<Float> {
        let block = AlignedFloats.reserve(number)
        blocks.append(block)
        count += number
        return block
    }
}
