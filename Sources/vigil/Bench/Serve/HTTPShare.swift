import Engine
import HTTPClient
import Jobs
import Platform
import Synchronization
import VadCLIP

/// How much of a lone request's time is not the engine's.
struct HTTPShare: Equatable, Sendable {
    /// How often both were timed, in turns.
    let pairs: Int
    /// Median milliseconds of the engine alone.
    let engine: Double
    /// Median milliseconds of a request.
    let request: Double
    /// Median of the differences within pairs, in milliseconds.
    let difference: Double

    /// The part of a request's time that is not the engine's.
    var share: Double { difference / request }

    /// What pairs of (engine, request) in milliseconds add up to; nil where there is none.
    init?(pairs: [(engine: Double, request: Double)]) {
        guard !pairs.isEmpty else { return nil }
        func median(_ values: [Double]) -> Double {
            let sorted = values.sorted()
            return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
        }
        self.pairs = pairs.count
        engine = median(pairs.map(\.engine))
        request = median(pairs.map(\.request))
        difference = median(pairs.map { $0.request - $0.engine })
    }

    /// The fewest pairs, however long they take; before them come some that do not count.
    private static let (fewest, uncounted) = (5, 3)

    /// Times the engine on `threads` threads and one client's requests for the same features, in turns.
    static func measure(
        _ target: LoadTarget, model: Model, threads: Int, server: ServerURL, length: Duration, stop: StopFlag
    ) async throws -> Result<HTTPShare?, ClientError> {
        guard let features = target.features else { return .success(nil) }
        let result = Mutex<Result<HTTPShare?, ClientError>>(.success(nil))
        try await ClientThreads.run(1) { _ in
            let found = Result { () throws(ClientError) -> HTTPShare? in
                let (scorer, client) = (VideoScorer(model: model, threads: threads), try HTTPClient(server))
                let clock = SystemLoadClock()
                let end = clock.now + length
                var pairs: [(engine: Double, request: Double)] = []
                while clock.now < end || pairs.count < fewest + uncounted, !stop.isSet {
                    let begun = clock.now
                    _ = scorer.logits(of: features)
                    let scored = clock.now
                    let came = try target.exchange(0, by: client)
                    let answered = clock.now
                    guard came.outcome == .answered else { throw .broken("a lone request came to \(came.outcome)") }
                    pairs.append(((scored - begun).milliseconds, (answered - scored).milliseconds))
                }
                return HTTPShare(pairs: Array(pairs.dropFirst(uncounted)))
            }
            result.withLock { $0 = found }
        }
        return result.withLock { $0 }
    }
}
