import Engine
import Formats
import Foundation
import HTTP
import HTTPTypes
import Jobs
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Scoring

/// Services one after another on one store, each with a model of its own and of the same name.
@Suite("Jobs when another model of the same name is served", .timeLimit(.minutes(10)))
struct OtherModelTests {
    private static let width = 16
    private let clock = ManualClock()
    private let store: MemoryJobStore

    init() { store = MemoryJobStore(clock: clock) }

    private func service(
        _ digest: String, length: Int = 8, width: Int = Self.width, missing: MissingModel = .wait
    ) async throws -> VigilService {
        var settings = ScoringService.Settings()
        settings.reusesResults = true
        settings.missingModel = missing
        let configuration = ModelConfiguration(
            width: width, length: length, layers: 1, window: 4, labels: ["normal", "fire"])
        let service = VigilService(
            ScoringService(
                models: ModelRegistry(
                    serving: try Model.synthetic(
                        configuration, seed: UInt64(digest.utf8.first ?? 0), sha256: digest, kernels: .available[0])),
                backlog: Backlog(store: store, clock: clock), workers: 1, settings: settings),
            openAPI: [])
        try await service.scoring.backlog.resume()
        return service
    }

    private func post(_ service: VigilService, key: String? = nil, seed: UInt64 = 1) async throws -> String {
        var random = SeededRandom(seed: seed)
        let body = NPYWriter.encode(random.floats(30 * Self.width, scale: 0.8), rows: 30, columns: Self.width)
        var fields: [(name: HTTPField.Name, value: String)] = [(.contentType, "application/x-npy")]
        if let key { fields.append((.idempotencyKey, key)) }
        let head = RequestHead(method: .post, path: "/score", query: QueryItems([]), fields: HeaderFields(fields))
        let answer = try await service.score(Request(head: head, body: RequestBody(body), client: .key("a")))
        guard case .bytes(let bytes) = answer.body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func id(_ text: String) throws -> JobID {
        let document = EventSink.Event(data: text).document
        return try #require((document["id"] as? String).flatMap { JobID($0) })
    }

    private func events(
        _ service: VigilService, _ id: JobID, after last: String? = nil
    ) async throws -> [EventSink.Event] {
        let sink = EventSink()
        try await stream(service, id, after: last, into: sink)
        return sink.events
    }

    private func stream(
        _ service: VigilService, _ id: JobID, after last: String?, into sink: EventSink
    ) async throws {
        let fields = last.map { [(name: HTTPField.Name.lastEventID, value: $0)] } ?? []
        let response = try await service.showEvents(
            Request(
                head: RequestHead(
                    method: .get, path: "/jobs/\(id)/events", query: QueryItems([]), fields: HeaderFields(fields)),
                pathParameters: PathParameters([("id", "\(id)")])))
        guard case .stream(nil, let produce) = response.body else { return }
        try await produce(sink.writer)
    }

    @Test(
        "a job that is scored by another model says so in its warnings; where that takes other features it fails and says why"
    )
    func rescored() async throws {
        let first = try await service("aa")
        let one = try id(try await post(first))
        let wide = try await service("bb", width: 32, missing: .rescore)
        try wide.scoring.start()
        let failed = try #require(try await wide.scoring.backlog.waitForEnd(one, timeout: .seconds(30)))
        _ = await wide.scoring.drain(within: .seconds(1))
        let detail = failed.failure?.detail ?? ""
        #expect(
            failed.failure?.reason == "wrong-width" && detail.contains("(aa)") && detail.contains("32 wide"),
            "\(detail)")
        let two = try id(try await post(first, seed: 2))
        let other = try await service("cc", missing: .rescore)
        try other.scoring.start()
        _ = try await other.scoring.backlog.waitForEnd(two, timeout: .seconds(30))
        let answer = try await other.showJob(
            Request(
                head: RequestHead(method: .get, path: "/jobs/\(two)"),
                pathParameters: PathParameters([("id", "\(two)")])))
        let warnings = EventSink.Event(data: String(decoding: answer.bytes, as: UTF8.self)).document["warnings"]
        let text = (warnings as? [String] ?? []).joined()
        #expect(text.contains("accepted for the model 'synthetic' (aa)") && text.contains("(cc)"), "\(text)")
        _ = await other.scoring.drain(within: .seconds(1))
    }

    private func end(_ service: VigilService, _ id: JobID) async throws -> ScoreResult {
        #expect(try await service.scoring.backlog.waitForEnd(id, timeout: .seconds(1))?.status == .succeeded)
        let output = try #require(try await service.scoring.backlog.output(id))
        return try #require(ScoreResult(encoded: output.body))
    }

    @Test("a job is scored by the model that it was accepted for, when that is served again")
    func waiting() async throws {
        let text = try await post(service("aa"), key: "k")
        #expect(text.contains(#""model_sha256":"aa""#) && text.contains(#""warnings":[]"#))
        let id = try id(text)
        let second = try await service("bb")
        try second.scoring.start()
        let own = try self.id(try await post(second, seed: 2))
        #expect(try await end(second, own).modelSHA256 == "bb")
        let replayed = try await post(second, key: "k")
        #expect(try self.id(replayed) == id && replayed.contains("waits for its model 'synthetic' (aa)"))
        #expect(replayed.contains(#""queue_position":null"#) && replayed.contains(#""model_sha256":"aa""#))
        let ready = await second.ready(detailed: true)
        #expect(ready.status == .ok)
        guard case .bytes(let bytes) = ready.body else { return }
        #expect(
            String(decoding: bytes, as: UTF8.self).contains("; 1 job waits for 'synthetic' (aa), which is not served"))
        #expect(await second.scoring.drain(within: .zero) == 1)
        let third = try await service("aa")
        try third.scoring.start()
        let result = try await end(third, id)
        #expect(result.modelSHA256 == "aa")
        // A result answers for its own model alone.
        #expect(try self.id(try await post(third)) == id)
        _ = await third.scoring.drain(within: .zero)
        let fourth = try await service("bb")
        try fourth.scoring.start()
        let anew = try self.id(try await post(fourth))
        #expect(anew != id)
        #expect(try await end(fourth, anew).logits != result.logits)
        _ = await fourth.scoring.drain(within: .zero)
    }

    @Test("a stream tells nothing of another model, says why, and ends where the job is not to wait")
    func streams() async throws {
        let id = try id(try await post(service("aa")))
        let second = try await service("bb")
        try await second.scoring.backlog.serve(ServedModels(["bb": "synthetic"]), missing: .wait)
        let sink = EventSink()
        async let streamed: Void = stream(second, id, after: "2", into: sink)
        await sink.waitFor("waits for its model")
        try await second.scoring.backlog.serve(ServedModels(["bb": "synthetic"]), missing: .fail)
        await Expiry(of: second.scoring.backlog).settle()
        try await streamed
        #expect(sink.events.map(\.name) == ["status", "status", "end"])
        #expect(sink.events.last?.id == "2.end" && sink.events.last?.data.contains("/problems/other-model") == true)
    }

    @Test(
        "a position in the scores holds though the model that is served then cuts videos otherwise", arguments: [32, 4])
    func otherLength(length: Int) async throws {
        let first = try await service("aa")
        let id = try id(try await post(first))
        try first.scoring.start()
        _ = try await end(first, id)
        let all = try await events(first, id)
        _ = await first.scoring.drain(within: .zero)
        #expect(all.map(\.id) == ["0", "1", "2", "3", "4", "4.end"])
        let second = try await service("bb", length: length)
        #expect(try await events(second, id) == all)
        #expect(try await Array(events(second, id, after: "2").dropFirst()) == Array(all[3...]))
    }
}

extension Expiry {
    /// Ends what is to end now.
    fileprivate func settle() async { _ = try? await runOnce() }
}
