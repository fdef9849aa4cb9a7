import Engine
import HTTP
import HTTPClient
import JSON
import Jobs
import Logging
import Platform
import Synchronization
import TLS
import VadCLIP

/// Drives a server, one phase after the other.
struct ServeBench {
    /// A server of this process, and what it scores with.
    struct Own {
        let model: Model
        let workers: Int
    }

    let server: ServerURL
    /// Whom it is believed over TLS.
    let trust: TLSClientContext?
    let own: Own?
    let clients: Int
    let pace: LoadSchedule.Pace
    let warmup: Duration
    let length: Duration
    let stop: StopFlag

    /// A request before all others: whether there is a server, and what it says about its model.
    static func probe(
        _ server: ServerURL, trusting trust: TLSClientContext?, _ kind: LoadTarget.Kind, key: KeyFile? = nil
    ) async throws -> (name: String, width: Int)? {
        let path = kind == .score ? "/v1/models" : "/livez"
        let answer: Answer
        do throws(ClientError) {
            answer = try HTTPClient(server, trusting: trust).exchange(
                HTTPClient.message("GET", path, to: server, fields: key.map { [$0.field] } ?? []))
        } catch {
            throw failure(error, of: server, whereAbsent: .noInput)
        }
        guard kind == .score else { return nil }
        if answer.status >= 400, let refusal = refusal(answer, of: server, key) { throw refusal }
        guard answer.status == 200, let json = try? JSONReader.parse(answer.body, maxBytes: 1 << 20),
            let model = json["models"]?.array?.first, let name = model["name"]?.string,
            let width = model["width"]?.integer, (1...8_192).contains(width)
        else {
            throw Failure(
                .badData, "\(server): GET /v1/models gave \(answer.status) and no model: expected a Vigil server")
        }
        return (name, width)
    }

    /// A server that would answer somebody else, or otherwise; nil where it gives no reason.
    private static func refusal(_ answer: Answer, of server: ServerURL, _ key: KeyFile?) -> Failure? {
        let document = try? JSONReader.parse(answer.body, maxBytes: 1 << 16)
        let detail = document?["detail"]?.string
        guard detail != nil || [401, 403].contains(answer.status) else { return nil }
        let words = detail.map { ", saying \(quoted($0, limit: 300))" } ?? ""
        let advice: String
        switch (answer.status, key) {
        case (401, nil): advice = ": name a file with an API key of its by --key-file"
        case (401, let key?): advice = ": it does not take the API key in \(key.path), by --key-file"
        default: advice = ""
        }
        return Failure(.badData, "\(server): GET /v1/models gave \(answer.status)\(words)\(advice)")
    }

    /// The load of one phase, with HTTP's share of a lone request where the server is our own.
    func phase(_ target: LoadTarget) async throws -> ServeReport.Phase {
        var phase = try await load(target)
        phase.share = try await share(target)
        return phase
    }

    private func load(_ target: LoadTarget) async throws -> ServeReport.Phase {
        let clock = SystemLoadClock()
        let run = LoadRun(
            LoadSchedule(pace: pace, begin: clock.now, warmup: warmup, length: length), clock: clock, stop: stop)
        try await ClientThreads.run(clients) { [server, trust] index in
            var client: HTTPClient?
            run.work { () throws(ClientError) in
                if client == nil { client = try HTTPClient(server, trusting: trust) }
                guard let client else { return LoadExchange(outcome: .broken) }
                return try target.exchange(index, by: client)
            }
        }
        do throws(ClientError) {
            let (schedule, tally) = try run.result()
            return ServeReport.Phase(snippets: target.snippets, schedule: schedule, tally: tally)
        } catch {
            throw Self.failure(error, of: server, whereAbsent: .internal)
        }
    }

    /// How much of a lone request's time is not the engine's; nil where the server is not our own or nothing is scored.
    private func share(_ target: LoadTarget) async throws -> HTTPShare? {
        guard let own, target.features != nil, !stop.isSet else { return nil }
        let measured = try await HTTPShare.measure(
            target, model: own.model, threads: own.workers, server: server, length: length, stop: stop)
        do { return try measured.get() } catch { throw Self.failure(error, of: server, whereAbsent: .internal) }
    }

    /// What a client's error is to whoever runs the benchmark.
    private static func failure(_ error: ClientError, of server: ServerURL, whereAbsent code: Failure.Code) -> Failure {
        switch error {
        case .unreachable, .unknownHost: Failure(code, "\(server): \(error)")
        default: Failure(.badData, "\(server): \(error)\(ServerTrust.advice(on: error))")
        }
    }
}

/// A server within this process, as `vigil serve` would run it, on a free port.
struct OwnServer {
    let url: ServerURL
    private let composition: Composition

    /// Starts it; what it logs below errors is left out.
    static func start(model: Model, workers: Int) async throws -> OwnServer {
        LogLines.use()
        LogLines.shared.beginSilently()
        var logger = Logger(label: "vigil")
        logger.logLevel = .error
        let backlog = Backlog(
            store: MemoryJobStore(settings: .init()), limits: .init(maxJobs: 1_000, maxBytes: 512 << 20),
            logger: logger)
        let composition = Composition(
            models: ModelRegistry(serving: model), backlog: backlog, workers: workers, logger: logger)
        let address = try await composition.start()
        return OwnServer(url: ServerURL(host: address.host, port: address.port), composition: composition)
    }

    /// Ends it; nothing that was asked for is left by then.
    func stop() async {
        _ = await composition.stop(within: .seconds(1))
        _ = await composition.settle()
    }
}

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
