import Engine
import Formats
import Foundation
import HTTPTypes
import JSON
import Jobs
import Platform
import Scoring
import Synchronization
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Audit
@testable import HTTP

/// Handlers behind the audit log, with workers that never begin.
@Suite("What is written down of requests", .timeLimit(.minutes(10)))
struct AuditTrailTests {
    private static let width = 16
    private let folder: ScratchFolder
    private let isFull: Flag
    private let log: AuditLog
    private let services: [Bool: VigilService]

    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isOn: Bool {
            get { value.load(ordering: .relaxed) }
            set { value.store(newValue, ordering: .relaxed) }
        }
    }

    init() throws {
        folder = try ScratchFolder()
        let isFull = Flag()
        self.isFull = isFull
        let log = try AuditLog(
            path: folder.path + "/audit.log", syncing: .always, version: "1", now: { "now" }, report: { _ in }
        ) { descriptor, bytes in
            guard isFull.isOn else { return AuditFile.systemWrite(descriptor, bytes) }
            errno = ENOSPC
            return -1
        }
        self.log = log
        var services: [Bool: VigilService] = [:]
        for isRequired in [true, false] {
            var settings = VigilService.Settings()
            settings.audit = AuditTrail(log, isRequired: isRequired)
            let configuration = ModelConfiguration(
                width: Self.width, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
            services[isRequired] = VigilService(
                ScoringService(
                    models: ModelRegistry(serving: try Model.synthetic(configuration, kernels: .available[0])),
                    backlog: Backlog(store: MemoryJobStore(), limits: Backlog.Limits()), workers: 1), openAPI: [],
                settings: settings)
        }
        self.services = services
    }

    private func ask(
        _ method: HTTPRequest.Method, _ path: String, id: String? = nil, body: [UInt8] = [], isRequired: Bool = true
    ) async throws -> Response {
        let service = try #require(services[isRequired])
        let fields = HeaderFields([(name: .contentType, value: "application/x-npy")])
        let request = Request(
            head: RequestHead(method: method, path: path, fields: fields), body: RequestBody(body), id: "r1",
            client: .key("alice"), pathParameters: PathParameters(id.map { [("id", $0)] } ?? []))
        let handler =
            switch method {
            case .post: service.audited(.submit) { try await service.score($0, $1) }
            case .delete: service.audited(.delete) { try await service.deleteJob($0, $1) }
            default: service.audited(.read) { try await service.showJob($0, $1) }
            }
        guard case .deferred(let answer) = handler else { return Response(status: .internalServerError) }
        return try await answer(request)
    }

    private var npy: [UInt8] {
        var random = SeededRandom(seed: 1)
        return NPYWriter.encode(random.floats(3 * Self.width, scale: 0.8), rows: 3, columns: Self.width)
    }

    private func lines() throws -> [JSONValue] {
        try Data(contentsOf: URL(filePath: folder.path + "/audit.log")).split(separator: 10).map {
            try JSONReader.parse(Array($0))
        }
    }

    private func status(_ body: () async throws -> Response) async -> Int? {
        do { return try await body().status.code } catch { return Problem.of(error)?.status.code }
    }

    @Test("a submission, with its job's model and features; a look at a job without scores is none; its end")
    func lives() async throws {
        #expect(await status { try await ask(.post, "/score", body: npy) } == 202)
        let job = try #require(try lines().last?["job"]?.string)
        #expect(await status { try await ask(.get, "/jobs/\(job)", id: job) } == 200)
        #expect(await status { try await ask(.delete, "/jobs/\(job)", id: job) } == 200)
        #expect(await status { try await ask(.get, "/jobs/\(job)", id: "01ARZ3NDEKTSV4RRFFQ69G5FAV") } == 404)
        await log.finish(within: .seconds(60))
        let lines = try lines()
        #expect(lines.map { $0["action"]?.string } == ["start", "submit", "delete", "delete", "read", "stop"])
        #expect(lines.map { $0["outcome"]?.string } == [nil, "accepted", "begun", "cancelled", "unknown-job", nil])
        #expect(lines.map { $0["status"]?.integer } == [nil, 202, nil, 200, 404, nil])
        #expect(lines[1...4].allSatisfy { $0["key"]?.string == "alice" && $0["request_id"]?.string == "r1" })
        #expect(lines[1]["features_sha256"]?.string?.utf8.count == 64 && lines[1]["model"]?.string != nil)
        #expect(lines[4]["job"]?.string == "01ARZ3NDEKTSV4RRFFQ69G5FAV" && lines[2]["job"]?.string == job)
    }

    @Test("nothing is deleted where not even that it begins can be written; with continue no line says that it begins")
    func intents() async throws {
        #expect(await status { try await ask(.post, "/score", body: npy) } == 202)
        let job = try #require(try lines().last?["job"]?.string)
        isFull.isOn = true
        #expect(await status { try await ask(.delete, "/jobs/\(job)", id: job) } == 503)
        isFull.isOn = false
        await waitUntil { !log.isFailing }
        #expect(await status { try await ask(.get, "/jobs/\(job)", id: job) } == 200, "it is there")
        #expect(await status { try await ask(.delete, "/jobs/\(job)", id: job, isRequired: false) } == 404, "another's")
        await log.finish(within: .seconds(60))
        #expect(try lines().compactMap { $0["outcome"]?.string } == ["accepted", "begun", "unknown-job"])
    }

    @Test("a job whose line the process did not live to write has one after the next start, and no other has")
    func recovered() async throws {
        let path = folder.path + "/own.log"
        func open() throws -> AuditLog {
            try AuditLog(path: path, syncing: .always, version: "1", now: { SystemClock().wall.description }) { _ in }
        }
        let service = try #require(services[true])
        let first = try open()
        let head = RequestHead(
            method: .post, path: "/score", fields: HeaderFields([(name: .contentType, value: "application/x-npy")]))
        for log in [first, nil, nil] {
            let request = Request(head: head, body: RequestBody(npy), id: "r1", client: .key("alice"))
            let note = log.map { AuditNote(AuditTrail($0, isRequired: true), of: request) }
            #expect(await status { try await service.score(request, note) } == 202)
        }
        await first.finish(within: .seconds(60))
        let backlog = service.scoring.backlog
        let jobs = try await backlog.list(limit: 9).map(\.id.description)
        for count in [2, 0] {
            let log = try open()
            #expect(try await AuditTrail(log, isRequired: true).recover(from: backlog) == count)
            await log.finish(within: .seconds(60))
        }
        let found = try Data(contentsOf: URL(filePath: path)).split(separator: 10).map {
            try JSONReader.parse(Array($0))
        }
        .filter { $0["action"]?.string == "recovered" }
        #expect(Set(found.compactMap { $0["job"]?.string }) == Set(jobs.prefix(2)))
        #expect(found.allSatisfy { $0["features_sha256"]?.string?.utf8.count == 64 && $0["model"]?.string != nil })
    }

    @Test("a job that has ended is forgotten once, with its model and features, and not again")
    func forgotten() async throws {
        #expect(await status { try await ask(.post, "/score", body: npy) } == 202)
        let job = try #require(try lines().last?["job"]?.string)
        #expect(await status { try await ask(.delete, "/jobs/\(job)", id: job) } == 200)
        var statuses: [Int] = []
        for _ in 0..<2 {
            if let status = await status({ try await ask(.delete, "/jobs/\(job)", id: job) }) {
                statuses.append(status)
            }
        }
        #expect(statuses == [204, 404])
        await log.finish(within: .seconds(60))
        let lines = try lines()
        let forgotten = lines.filter { $0["outcome"]?.string == "forgotten" }
        #expect(forgotten.count == 1 && lines.filter { $0["outcome"]?.string == "unknown-job" }.count == 1)
        for name in ["job", "model", "features_sha256"] {
            #expect(forgotten.first?[name]?.string == lines[1][name]?.string && lines[1][name] != nil, "\(name)")
        }
    }

    @Test(
        "who has gone before the answer was interrupted, whatever became of what was asked", arguments: [true, false])
    func interrupted(isGone: Bool) async throws {
        let request = Request(
            head: RequestHead(method: .get, path: "/jobs/a", fields: HeaderFields([])), id: "r1",
            client: .key("alice"), pathParameters: PathParameters([("id", "a")]))
        let note = AuditNote(AuditTrail(log, isRequired: true), of: request)
        let asking = Task {
            if isGone { withUnsafeCurrentTask { $0?.cancel() } }
            try await note.refused(.read, ScoringError.store(.unavailable("nobody waits for it any more")))
        }
        try await asking.value
        await log.finish(within: .seconds(60))
        let line = try lines()[1]
        #expect(line["status"]?.integer == (isGone ? 499 : 503))
        #expect(line["outcome"]?.string == (isGone ? "interrupted" : "store-unavailable"))
    }

    @Test("a look at a batch is no line, but one at what is not to be seen is")
    func batches() async throws {
        let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        let router = try #require(services[true]).router()
        let head = RequestHead(method: .get, path: "/batches/\(unknown)", fields: HeaderFields([]))
        guard case .route(let route, let parameters) = router.resolve(head), case .deferred(let answer) = route.handler
        else {
            Issue.record("no route")
            return
        }
        let request = Request(head: head, id: "r1", client: .key("alice"), pathParameters: parameters)
        #expect(await status { try await answer(request) } == 404)
        await log.finish(within: .seconds(60))
        let line = try lines()[1]
        #expect(line["action"]?.string == "read" && line["batch"]?.string == unknown)
        #expect(line["outcome"]?.string == "unknown-batch" && line["key"]?.string == "alice")
    }

    @Test("while the log can't be written nothing is done, or all is, as it was asked for")
    func failures() async throws {
        isFull.isOn = true
        // The first one is under way when it is found out.
        #expect(await status { try await ask(.post, "/score", body: npy) } == 503)
        #expect(log.isFailing)
        #expect(services.mapValues { $0.isReady } == [true: false, false: true])
        #expect(await status { try await ask(.post, "/score", body: npy) } == 503)
        #expect(await status { try await ask(.post, "/score", body: npy, isRequired: false) } == 202)
        isFull.isOn = false
        await waitUntil { !log.isFailing }
        #expect(await status { try await ask(.post, "/score", body: npy) } == 202)
        await log.finish(within: .seconds(60))
        // What was under way, what went on regardless, and the last one; of the refused one there is nothing to tell.
        #expect(try lines().filter { $0["action"]?.string == "submit" }.count == 3)
        #expect(try AuditCheck().run([folder.path + "/audit.log"]).lines == 5)
    }

    @Test("a result that is refused as the log can't be written is not fetched by that; one that is given is")
    func fetched() async throws {
        let crowd = try CrowdService()
        let job = try await crowd.finished(rows: 3)
        let request = Request(
            head: RequestHead(method: .get, path: "/jobs/\(job.id)", fields: HeaderFields([])),
            pathParameters: PathParameters([("id", "\(job.id)")]))
        let trail = AuditTrail(log, isRequired: true)
        isFull.isOn = true
        #expect(await status { try await crowd.service.showJob(request, AuditNote(trail, of: request)) } == 503)
        #expect(crowd.store.reads(job.id) == 1 && !crowd.store.isFetched(job.id))
        isFull.isOn = false
        await waitUntil { !log.isFailing }
        #expect(await status { try await crowd.service.showJob(request, AuditNote(trail, of: request)) } == 200)
        #expect(crowd.store.isFetched(job.id))
        await log.finish(within: .seconds(60))
    }
}
