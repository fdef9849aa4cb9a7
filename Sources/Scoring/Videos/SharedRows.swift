import Jobs
import Platform
import Synchronization
import Tensors

/// Where the finished rows of a video are kept while it is worked on, so that who goes on with its job need not make them again.
enum RowsPlace: Sendable {
    /// In a file of this server's.
    case file(String)
    /// With all servers, for as long as a claim is good.
    case shared(SharedVideos, ClaimToken)
}

/// Finished rows on their way to where all servers have them: gathered for a while, and written beside the work.
final class SharedRows: Sendable {
    /// Bytes that are written at once, and how long fewer are gathered.
    private static let enough = 256 << 10
    private static let patience = Duration.seconds(1)
    /// Bytes that are held while the store is away: of more nothing is kept any longer.
    private static let most = 8 << 20

    private struct State: Sendable {
        var pending: [UInt8]
        var piece: Int
        var last = MonotonicTime(nanoseconds: .min)
        var isUnderWay = false
        var isOver = false
    }

    private let shared: SharedVideos
    private let token: ClaimToken
    private let state: Mutex<State>

    /// - Parameter piece: the number of the next piece; what was kept from it on is replaced
    init(_ shared: SharedVideos, _ token: ClaimToken, piece: Int, pending: [UInt8]) {
        (self.shared, self.token) = (shared, token)
        state = Mutex(State(pending: pending, piece: piece))
    }

    func append(_ bytes: [UInt8]) {
        let isDue = state.withLock { state -> Bool in
            guard !state.isOver else { return false }
            state.pending += bytes
            if state.pending.count > Self.most { (state.isOver, state.pending) = (true, []) }
            return state.pending.count >= Self.enough || MonotonicTime.now - state.last >= Self.patience
        }
        if isDue { Task { _ = await flush() } }
    }

    /// Returns once all that came is kept, as far as it can be.
    func settle() async {
        while state.withLock({ $0.isUnderWay || !$0.pending.isEmpty }) {
            if await flush() == nil { return }
        }
    }

    /// Writes what has come, unless another does; nil where the store is away.
    private func flush() async -> Bool? {
        let due = state.withLock { state -> (piece: Int, bytes: [UInt8])? in
            guard !state.isUnderWay, !state.pending.isEmpty else { return nil }
            state.isUnderWay = true
            return (state.piece, state.pending)
        }
        guard let due else {
            await Task.yield()
            return false
        }
        let isKept = await shared.keepRows(due.bytes, piece: due.piece, by: token)
        state.withLock { state in
            (state.isUnderWay, state.last) = (false, .now)
            switch isKept {
            case true where !state.isOver:
                state.pending.removeFirst(due.bytes.count)
                state.piece += 1
            case false: (state.isOver, state.pending) = (true, [])
            default: break
            }
        }
        return isKept
    }
}

extension RowsFile {
    /// The rows that are kept at a place, as far as they are of this key.
    static func open(
        _ place: RowsPlace, key: [UInt8], width: Int, limit: Int
    ) -> (file: RowsFile?, rows: Matrix) {
        switch place {
        case .file(let path): return open(path, key: key, width: width, limit: limit)
        case .shared(let shared, let token):
            // Numbers, what each row has beside them, and what is written before the first.
            guard let (file, pieces) = shared.rows(of: token.job, most: 8 * limit + (1 << 20)) else {
                return (nil, Matrix(rows: 0, columns: width))
            }
            let before = (try? OpenFile(path: file.path))?.count
            let (rowsFile, rows) = open(file.path, key: key, width: width, limit: limit)
            guard let rowsFile, let opened = try? OpenFile(path: file.path) else { return (rowsFile, rows) }
            // What does not hold is replaced.
            let isWhole = pieces > 0 && opened.count == before
            let pending = isWhole ? [] : (try? opened.bytes(0..<opened.count)) ?? []
            rowsFile.shared = SharedRows(shared, token, piece: isWhole ? pieces : 0, pending: pending)
            return (rowsFile, rows)
        }
    }
}
