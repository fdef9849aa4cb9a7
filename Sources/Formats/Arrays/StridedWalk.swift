/// Walks the elements of a strided array in row-major order, one run along the last axis at a time.
///
/// The caller has checked that the positions it gives fit the storage.
struct StridedWalk {
    /// `count` elements, the first at `start`, each `stride` after the one before.
    struct Run {
        let start: Int
        let count: Int
        let stride: Int
    }

    private let outerShape: [Int]
    private let outerStrides: [Int]
    private let runLength: Int
    private let runStride: Int
    private var index: [Int]
    private var position: Int
    private var isDone: Bool

    init(shape: [Int], strides: [Int], offset: Int) {
        outerShape = Array(shape.dropLast())
        outerStrides = Array(strides.dropLast())
        runLength = shape.last ?? 1
        runStride = strides.last ?? 1
        index = [Int](repeating: 0, count: outerShape.count)
        position = offset
        isDone = shape.contains(0)
    }

    /// The next run, or nil after the last.
    mutating func next() -> Run? {
        if isDone { return nil }
        let run = Run(start: position, count: runLength, stride: runStride)
        advance()
        return run
    }

    private mutating func advance() {
        var axis = outerShape.count - 1
        while axis >= 0 {
            index[axis] += 1
            if index[axis] < outerShape[axis] {
                position += outerStrides[axis]
                return
            }
            position -= outerStrides[axis] * (outerShape[axis] - 1)
            index[axis] = 0
            axis -= 1
        }
        isDone = true
    }
}
