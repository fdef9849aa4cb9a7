import HTTP
import Jobs
import Scoring
import Synchronization

/// What is made of results for many at a time: each once, however many want it, and within the room for large
/// answers once.
struct SharedResults: Sendable {
    /// A result in one of its forms.
    struct Form: Hashable {
        let job: JobID
        let revision: Int
        let isArray: Bool
        let isReused: Bool
        /// Whether it counts as fetched.
        let isFetched: Bool
        /// How its segments are cut; nil for as the job asked.
        let cut: ResultCut?
    }

    /// Results as they are answered.
    let answers = SharedMaking<Form, RenderedResult>()
    /// The scores of chunks as events.
    let events = RecentEvents()
}

/// A result as bytes, in pieces that all who send it refer to, and the room that they take.
final class RenderedResult: Sendable {
    private static let piece = 256 << 10

    /// `Server-Timing` of who made it.
    let timing: String
    private let pieces: [[UInt8]]
    private let count: Int
    private let share: AnswerBudget.Share

    init(_ bytes: [UInt8], timing: String, holding share: AnswerBudget.Share) {
        self.timing = timing
        self.share = share
        share.settle(at: bytes.count)
        count = bytes.count
        pieces =
            bytes.count <= AnswerBudget.small
            ? [bytes]
            : stride(from: 0, to: bytes.count, by: Self.piece).map {
                Array(bytes[$0..<min($0 + Self.piece, bytes.count)])
            }
    }

    /// Small answers as they are; large ones in pieces, which hold the result until the client has them.
    func body(for client: String) -> ResponseBody {
        guard count > AnswerBudget.small else { return .bytes(pieces.first ?? []) }
        return .stream(length: count) { [self] writer in
            guard let taking = share.begin(for: client, cut: { writer.cut() }) else { throw CancellationError() }
            for piece in pieces {
                try await writer.write(piece)
                taking.sent(piece.count)
            }
            taking.end()
        }
    }
}

/// The events with scores that were made last: many who follow a job are told the same ones within a short time.
final class RecentEvents: Sendable {
    struct Key: Hashable {
        let job: JobID
        let chunk: Int
        /// The first snippet: where a video is cut otherwise, chunks of one number differ.
        let start: Int
    }

    private struct State {
        var events: [Key: [UInt8]] = [:]
        /// The keys, the oldest first, from `first` on.
        var order: [Key] = []
        var first = 0
        var bytes = 0
    }

    private static let most = 8 << 20
    private let state = Mutex(State())

    subscript(key: Key) -> [UInt8]? { state.withLock { $0.events[key] } }

    /// Keeps an event, in place of the oldest ones.
    func keep(_ event: [UInt8], as key: Key) {
        state.withLock { state in
            guard event.count <= Self.most / 8, state.events.updateValue(event, forKey: key) == nil else { return }
            state.order.append(key)
            state.bytes += event.count
            while state.bytes > Self.most {
                state.bytes -= state.events.removeValue(forKey: state.order[state.first])?.count ?? 0
                state.first += 1
            }
            if state.first > 1_024 {
                state.order.removeFirst(state.first)
                state.first = 0
            }
        }
    }
}
