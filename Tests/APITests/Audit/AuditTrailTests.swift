import Engine
import Formats
import Foundation
import HTTP
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

/// Handlers behind the audit log, with workers that never begin.
@Suite("What is written down of requests", .timeLimit(.minutes(1)))
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
        #expect(lines.map { $0["action"]?.string } == ["start", "submit", "delete", "read", "stop"])
        #expect(lines.map { $0["outcome"]?.string } == [nil, "accepted", "cancelled", "unknown-job", nil])
        #expect(lines.map { $0["status"]?.integer } == [nil, 202, 200, 404, nil])
        #expect(lines[1...3].allSatisfy { $0["key"]?.string == "alice" && $0["request_id"]?.string == "r1" })
        #expect(lines[1]["features_sha256"]?.string?.utf8.count == 64 && lines[1]["model"]?.string != nil)
        #expect(lines[3]["job"]?.string == "01ARZ3NDEKTSV4RRFFQ69G5FAV")
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
}
