import Engine
import Formats
import HTTP
import HTTPTypes
import Jobs
import Platform
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import HTTP
@testable import Scoring

/// A service behind keys, asked as the HTTP layer would ask it; its workers never begin.
struct GuardedService {
    /// What came of a request.
    struct Answer: Equatable {
        let status: Int
        let body: String
        var fields: HTTPFields = [:]

        /// The type of a problem.
        var problem: String? {
            guard let start = body.range(of: "\"/problems/") else { return nil }
            return String(body[start.upperBound...].prefix { $0 != "\"" })
        }
    }

    static let width = 16
    static let peer = SocketAddress(host: "192.0.2.1", port: 5)

    let clock = ManualClock()
    let store: any JobStore
    let service: VigilService
    let access: AccessControl
    let keys: APIKeyFile?
    private let folder: ScratchFolder

    /// - Parameter lines: of the file of keys, each key's secret its name; nil for a service without keys
    init(
        _ lines: [String]?, store: (any JobStore)? = nil, settings: ScoringService.Settings = .init(),
        limits: Backlog.Limits = .init()
    ) throws {
        folder = try ScratchFolder()
        if let lines {
            let text = lines.map { line in
                let words = line.split(separator: " ", maxSplits: 1)
                return "\(words[0]):\(APIKeysTests.digest(String(words[0]))) \(words.count > 1 ? words[1] : "")"
            }
            _ = try folder.write(Array(text.map { $0 + "\n" }.joined().utf8), to: "keys")
            keys = try APIKeyFile(path: folder.path + "/keys")
        } else {
            keys = nil
        }
        let configuration = ModelConfiguration(
            width: Self.width, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        self.store = store ?? MemoryJobStore(clock: clock)
        var limits = limits
        if let keys { limits.ownMaxJobs = { keys.current[String($0.dropFirst(4))]?.maxQueued } }
        service = VigilService(
            ScoringService(
                models: ModelRegistry(serving: try Model.synthetic(configuration, kernels: .available[0])),
                backlog: Backlog(store: self.store, limits: limits, clock: clock), workers: 1, settings: settings),
            openAPI: [], keys: keys)
        access = AccessControl(keys: keys, limiter: nil, wall: { [clock] in clock.wall })
    }

    /// Asks by the gate and the routes.
    func ask(
        _ method: HTTPRequest.Method, _ target: String, as key: String?, body: [UInt8]? = nil,
        fields: [(name: HTTPField.Name, value: String)] = []
    ) async throws -> Answer {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        let query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { item in
            let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
            return QueryItems.Item(name: pair[0], value: pair[1])
        }
        var all = fields
        if let key { all.append((.authorization, "Bearer \(key)")) }
        if body != nil { all.append((.contentType, "application/x-npy")) }
        let head = RequestHead(
            method: method, path: parts[0], query: QueryItems(query), fields: HeaderFields(all))
        do throws(HTTPProblem) {
            let admission = try access.admit(head, from: Self.peer)
            switch admission.verdict {
            case .refused(let problem), .refusedAtOnce(let problem): throw problem
            case .answered, .admitted: break
            }
            guard case .route(let route, let parameters) = service.router().resolve(head) else {
                return Answer(status: 404, body: "no route")
            }
            let request = Request(
                head: head, body: RequestBody(body ?? []), client: admission.client,
                seesDetails: admission.seesDetails, pathParameters: parameters)
            return try await run(route.handler, request)
        } catch {
            return try await Self.answer(VigilService.render(error, requestID: "test", path: head.path))
        }
    }

    private func run(_ handler: Handler, _ request: Request) async throws(HTTPProblem) -> Answer {
        do {
            switch handler {
            case .immediate(let handler): return try await Self.answer(handler(request))
            case .deferred(let handler): return try await Self.answer(handler(request))
            }
        } catch { throw HTTPProblem(handlerError: error) }
    }

    /// An answer's bytes; of a stream none, which is not begun.
    private static func answer(_ response: Response) async throws -> Answer {
        var body = ""
        if case .bytes(let bytes) = response.body { body = String(decoding: bytes, as: UTF8.self) }
        if case .stream = response.body { body = "a stream" }
        return Answer(status: response.status.code, body: body, fields: response.fields)
    }

    static func npy(_ seed: UInt64, rows: Int = 3) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return NPYWriter.encode(random.floats(rows * width, scale: 0.8), rows: rows, columns: width)
    }

    /// Queues a job, and gives its ID.
    func submit(_ seed: UInt64 = 1, rows: Int = 3, as key: String?) async throws -> String {
        let answer = try await ask(.post, "/score", as: key, body: Self.npy(seed, rows: rows))
        #expect(answer.status == 202, "\(answer.body)")
        return try #require(answer.fields[.location]).replacingOccurrences(of: "/jobs/", with: "")
    }

    /// Queues a batch of two jobs, and gives its ID.
    func submitBatch(as owner: String?) async throws -> BatchID {
        var new = NewJob.score(
            [Float](repeating: 0, count: 3 * Self.width),
            ScoreSubject(
                snippets: 3, width: Self.width, digest: FeatureDigest("00"), options: ScoreOptions().encoded),
            by: ModelID(name: service.scoring.models.default.name, sha256: nil))
        new.owner = owner
        let receipt = try await service.scoring.backlog.submit(Submission(batch: [new, new]))
        return try #require(receipt.batch)
    }
}
