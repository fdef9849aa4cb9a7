import Engine
import Formats
import Foundation
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

/// A service that is asked by the Open Inference Protocol, by its routes and with its errors as they are rendered.
struct InferenceService {
    static let width = 16
    static let labels = ["normal", "fire", "smoke"]

    /// What came of a request.
    struct Answer {
        let status: Int
        let fields: HTTPFields
        let bytes: [UInt8]

        var text: String { String(decoding: bytes, as: UTF8.self) }
        /// The JSON in front, whose length the head tells where something follows.
        var json: [String: Any] {
            let count = fields[.inferenceHeaderLength].flatMap { Int($0) } ?? bytes.count
            return (try? JSONSerialization.jsonObject(with: Data(bytes.prefix(count)))) as? [String: Any] ?? [:]
        }
        /// What follows the JSON.
        var tail: [UInt8] {
            fields[.inferenceHeaderLength].flatMap { Int($0) }.map { Array(bytes.dropFirst($0)) } ?? []
        }
        var error: String? { json["error"] as? String }
        var outputs: [[String: Any]] { json["outputs"] as? [[String: Any]] ?? [] }

        /// The numbers of an output that came in the JSON.
        func numbers(_ name: String) -> [Float] {
            let output = outputs.first { $0["name"] as? String == name }
            return (output?["data"] as? [NSNumber] ?? []).map(\.floatValue)
        }

        func shape(_ name: String) -> [Int]? { outputs.first { $0["name"] as? String == name }?["shape"] as? [Int] }
    }

    let clock = ManualClock()
    let service: VigilService

    init(
        limits: Backlog.Limits = Backlog.Limits(maxJobs: 10), settings: ScoringService.Settings = .init(),
        api: VigilService.Settings = .init(), starts: Bool = true
    ) throws {
        let configuration = ModelConfiguration(
            width: Self.width, length: 8, layers: 1, window: 4, labels: Self.labels)
        service = VigilService(
            ScoringService(
                models: ModelRegistry(
                    serving: try Model.synthetic(
                        configuration, sha256: String(repeating: "3f", count: 32), kernels: .available[0])),
                backlog: Backlog(store: MemoryJobStore(clock: clock), limits: limits, clock: clock), workers: 1,
                settings: settings),
            openAPI: [], settings: api)
        if starts { try service.scoring.start() }
    }

    /// One that is there.
    init(_ service: VigilService) { self.service = service }

    var name: String { service.scoring.models.default.name }

    /// Asks as the HTTP layer would.
    func ask(
        _ method: HTTPRequest.Method, _ path: String, _ body: [UInt8] = [],
        _ given: [(name: HTTPField.Name, value: String)] = []
    ) async -> Answer {
        let head = RequestHead(method: method, path: path, fields: HeaderFields(given))
        let response: Response
        do {
            switch service.router().resolve(head) {
            case .refused(let problem, _): throw problem
            case .options: response = Response(status: .noContent)
            case .route(let route, let parameters):
                let request = Request(
                    head: head, body: RequestBody(body), client: .key("a"), pathParameters: parameters)
                switch route.handler {
                case .immediate(let handler): response = try handler(request)
                case .deferred(let handler): response = try await handler(request)
                }
            }
        } catch {
            response = VigilService.render(HTTPProblem(handlerError: error), requestID: "test", path: path)
        }
        return Answer(status: response.status.code, fields: response.fields, bytes: response.bytes)
    }

    func infer(
        _ json: String, tail: [UInt8]? = nil, _ given: [(name: HTTPField.Name, value: String)] = []
    ) async -> Answer {
        let length = tail.map { _ in [(name: HTTPField.Name.inferenceHeaderLength, value: "\(json.utf8.count)")] } ?? []
        return await ask(.post, "/v2/models/\(name)/infer", Array(json.utf8) + (tail ?? []), given + length)
    }

    /// What `/score` has of the same features.
    func score(_ values: [Float], rows: Int) async throws -> ScoreDocument {
        let matrix = NPYWriter.encode(values, rows: rows, columns: Self.width)
        let head = RequestHead(
            method: .post, path: "/score", fields: HeaderFields([(name: .contentType, value: "application/x-npy")]))
        let answer = try await service.score(Request(head: head, body: RequestBody(matrix), client: .key("a")))
        let place = try #require(answer.fields[.location])
        let id = try #require(JobID(String(place.dropFirst("/jobs/".count))))
        let job = try #require(try await service.scoring.backlog.waitForEnd(id, timeout: .seconds(1)))
        return ScoreDocument(
            try await service.scoring.result(of: job, isFetched: false, least: 0, need: { _ in 0 }).result)
    }

    static func features(_ seed: UInt64, rows: Int) -> [Float] {
        var random = SeededRandom(seed: seed)
        return random.floats(rows * width, scale: 0.8)
    }

    /// The input `features` in JSON.
    static func input(_ values: [Float], _ shape: [Int], more: String = "") -> String {
        let data = values.map { "\($0)" }.joined(separator: ",")
        return "{\"name\": \"features\", \"shape\": \(shape), \"datatype\": \"FP32\", \"data\": [\(data)]}\(more)"
    }
}
