import Foundation
import HTTPTypes
import Jobs
import Platform
import TestSupport
import Testing

@testable import API
@testable import HTTP
@testable import Scoring

@Suite("HEAD of each endpoint and of each error is the head of GET", .timeLimit(.minutes(10)))
struct HeadTests {
    static let codings = ["", "gzip", "deflate", "gzip, deflate", "*", "identity;q=0, gzip", "br, *;q=0"]
    /// Fields of a request, each with its line end.
    static let conditions = [
        "", "If-None-Match: *\r\n", "If-Match: \"none\"\r\n", "Accept: application/x-npy\r\n", "Accept: image/png\r\n",
        "Accept: text/html\r\n", "Prefer: wait=soon\r\n", "Expect: nothing\r\n", "Last-Event-ID: x\r\n",
        "Content-Length: 3\r\nConnection: close\r\n", "Content-Encoding: br\r\n", "Host: b\r\n", "No Name: x\r\n",
        "Transfer-Encoding: gzip\r\n", "X-Long: \(String(repeating: "x", count: 70_000))\r\n",
    ]

    let running: EventService
    let service: VigilService

    init() throws {
        running = try EventService()
        let description = try Data(contentsOf: URL(filePath: Paths.root + "/openapi.yaml"))
        service = VigilService(
            ScoringService(
                models: running.service.scoring.models, backlog: running.service.scoring.backlog, workers: 2),
            openAPI: Array(description),
            files: PageFiles([
                ("index.html", Array(repeating: 97, count: 3000)), ("docs.html", [98]), ("icon.svg", [99]),
            ]))
    }

    /// Targets of all endpoints that GET has, and of what is none.
    private func targets() async throws -> [String] {
        try service.scoring.start()
        let ended = try await running.finished(rows: 20).id
        let batch = try await running.submitBatch(rows: [5, 9])
        _ = try await service.scoring.backlog.waitForEnd(batch, timeout: .seconds(1))
        let unknown = "01M85BV3QAE4RGA8GVVP3465ME"
        let model = service.scoring.models.default.name
        return [
            "/jobs", "/jobs?limit=1", "/jobs?limit=x", "/jobs?nonsense=1", "/jobs/\(ended)", "/jobs/\(ended)?wait=x",
            "/jobs/\(unknown)", "/jobs/x", "/jobs/\(ended)/events", "/jobs/\(unknown)/events", "/batches/\(batch)",
            "/batches/\(unknown)", "/batches/\(batch)/comparison", "/livez", "/readyz", "/healthz", "/v1/models",
            "/v1/server", "/session", "/jobs/\(ended)/features", "/jobs/\(unknown)/features",
            "/jobs/\(ended)/thumbnails/0.jpg", "/jobs/\(ended)/thumbnails/x", "/jobs/\(ended)/verdicts",
            "/jobs/\(unknown)/verdicts",
            "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/\(model)", "/v2/models/\(model)/ready",
            "/v2/models/\(model)/versions/none", "/v2/models/\(model)/versions/none/ready",
            "/v2/models/none", "/v2/none", "/v2/models/\(model)/infer",
            "/openapi.yaml", "/problems", "/problems/not-found", "/problems/nothing", "/score", "/none", "/", "/docs",
            "/page/icon.svg", "/page/none", "/%zz",
            "/jobs/../x",
            "/\(String(repeating: "x", count: 20_000))",
        ]
    }

    @Test("with their lengths, types, tags and codings, whatever is asked for besides")
    func table() async throws {
        let targets = try await targets()
        // Metrics count the very requests that ask for them, so that two answers differ.
        let patterns = service.router().descriptions.filter { $0.method == .get }.map(\.pattern)
        for pattern in patterns where pattern != "/metrics" {
            let isThere = targets.contains { target in
                let (parts, wanted) = (target.split(separator: "/"), pattern.split(separator: "/"))
                return parts.count == wanted.count && zip(parts, wanted).allSatisfy { $0 == $1 || $1.hasPrefix("{") }
            }
            #expect(isThere, "\(pattern) is not in the table")
        }
        var statuses: Set<Int> = []
        for target in targets {
            let requests = Self.codings.map { "Accept-Encoding: \($0)\r\n" } + Self.conditions
            for fields in requests {
                statuses.insert(try await compare(target, fields))
            }
        }
        #expect(
            statuses.isSuperset(of: [200, 304, 400, 404, 405, 406, 412, 414, 417, 422, 431]), "\(statuses.sorted())")
    }

    @Test("and so they are where the gate refuses")
    func gate() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "vigil-keys-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try APIKeysTests.line("alice", "one").write(toFile: path, atomically: true, encoding: .utf8)
        let access = AccessControl(keys: try APIKeyFile(path: path), limiter: nil)
        try service.scoring.start()
        var statuses: Set<Int> = []
        for target in ["/jobs", "/jobs/x", "/none", "/livez", "/score"] {
            for key in ["", "Authorization: Bearer two\r\n", "Authorization: Bearer one\r\n"] {
                statuses.insert(try await compare(target, key + "Accept-Encoding: gzip\r\n", gate: access.gate))
            }
        }
        #expect(statuses == [200, 401, 404, 405])
    }

    /// - Returns: the status, which is the same.
    private func compare(_ target: String, _ fields: String, gate: RequestGate? = nil) async throws -> Int {
        var heads: [[Substring]] = []
        for method in ["GET", "HEAD"] {
            let sent = fields.hasPrefix("Content-Length: 3") ? "abc" : ""
            let (head, body) = try await answer(
                "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: same\r\n\(fields)\r\n\(sent)",
                gate: gate)
            let lines = head.split(separator: "\r\n")
            if method == "HEAD" {
                #expect(body.isEmpty, "\(target.prefix(60)) \(fields.prefix(60))")
            } else if let length = lines.first(where: { $0.hasPrefix("Content-Length: ") }).flatMap({
                Int($0.dropFirst(16))
            }) {
                #expect(body.count == length, "\(target.prefix(60)) \(fields.prefix(60))")
            }
            // How a body is delimited that is not there need not be said (RFC 9110, 9.3.2); how long it took differs.
            heads.append(
                lines.filter { $0 != "Transfer-Encoding: chunked" && !$0.hasPrefix("Server-Timing: ") })
        }
        #expect(heads[0] == heads[1], "\(target.prefix(60)) \(fields.prefix(60))")
        return heads[0].first.flatMap { Int($0.dropFirst(9).prefix(3)) } ?? 0
    }

    /// The head of the answer, and what of its body comes with it at once.
    private func answer(_ request: String, gate: RequestGate?) async throws -> (head: String, body: [UInt8]) {
        let now = MonotonicTime(nanoseconds: 1_000_000_000)
        let context = ServerContext(
            configuration: ServerConfiguration(), router: service.router(), renderProblem: VigilService.render,
            gate: gate)
        var state = ConnectionState(context: context, dateLine: DateLine { 784_111_777 }, idSeed: 1, now: now)
        let bytes = Array(request.utf8)
        var position = 0
        while let action = state.advance(bytes.span, at: &position, now: now) {
            guard case .start(let call) = action else { continue }
            let exchange = try #require(state.exchange)
            let request = Request(
                head: call.head, id: exchange.requestID, client: exchange.admission?.client,
                seesDetails: exchange.admission?.seesDetails ?? false, pathParameters: call.parameters)
            do {
                switch call.route.handler {
                case .immediate(let handler): state.answer(try handler(request), now: now)
                case .deferred(let handler): state.answer(try await handler(request), now: now)
                }
            } catch { state.answer(HTTPProblem(handlerError: error), now: now) }
            break
        }
        let output = state.output.withSegments(limit: .max) { Array($0.joined().dropFirst($1)) }
        let end = try #require(
            output.indices.first { output[$0...].starts(with: "\r\n\r\n".utf8) },
            "\(request.prefix(200)): \(String(decoding: output.prefix(200), as: UTF8.self))")
        return (String(decoding: output[..<end], as: UTF8.self), Array(output[(end + 4)...]))
    }
}
