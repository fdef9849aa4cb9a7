import Platform

/// Reads the samples of the next step on a thread of its own while this one is computed: what is in memory is two batches.
final class BatchLoader {
    /// Reads the sample of a row of the training list.
    typealias Load = @Sendable (Int) throws -> Sample

    private let load: Load
    private var next: (rows: [Int], result: Monitor<Result<[Sample], any Error>?>)?

    init(load: @escaping Load) { self.load = load }

    /// Begins to read the samples of `rows`.
    func prefetch(_ rows: [Int]) {
        let result = Monitor<Result<[Sample], any Error>?>(nil)
        let load = load
        let code = OwnThread.run(name: "features", stackBytes: 1 << 20) {
            let samples = Result { try rows.map(load) }
            result.withLock { $0 = samples }
            result.wakeOne()
        }
        next = code == 0 ? (rows, result) : nil
    }

    /// The samples of `rows`, which are those prefetched last unless something went wrong; then begins with `following`.
    func take(_ rows: [Int], following: [Int]?) throws -> [Sample] {
        let samples: [Sample]
        if let next, next.rows == rows {
            samples = try next.result.wait(for: { $0 }).get()
        } else {
            samples = try rows.map(load)
        }
        next = nil
        if let following { prefetch(following) }
        return samples
    }
}
