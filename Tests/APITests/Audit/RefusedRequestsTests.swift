import HTTP
import HTTPTypes
import Platform
import Synchronization
import Testing

@testable import API
@testable import Audit

@Suite("What the gate refuses is written down, in few lines")
struct RefusedRequestsTests {
    private static func head(_ method: HTTPRequest.Method, _ path: String, key: String? = nil) -> RequestHead {
        RequestHead(
            method: method, path: path,
            fields: HeaderFields(key.map { [(name: .authorization, value: "Bearer \($0)")] } ?? []))
    }

    @Test("who was refused what: without a key, with one that is over, with one that may not")
    func kinds() throws {
        let guarded = try GuardedService(["alice", "looker role=reader", "old expires=1969-01-01"])
        let written = Mutex<[AuditEntry]>([])
        let refused = RefusedRequests { entries in written.withLock { $0 += entries } }
        let gate = refused.watching(guarded.access.gate, routes: guarded.service.router())
        let asked: [(RequestHead, Int?)] = [
            (Self.head(.get, "/jobs"), 401), (Self.head(.post, "/score", key: "mallory"), 401),
            (Self.head(.get, "/nowhere", key: "old"), 401), (Self.head(.get, "/livez"), nil),
            (Self.head(.delete, "/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV", key: "looker"), 403),
            (Self.head(.get, "/metrics", key: "alice"), 403), (Self.head(.get, "/jobs", key: "alice"), nil),
        ]
        for (head, status) in asked {
            var found: Int?
            do throws(HTTPProblem) {
                let admission = try gate(head, GuardedService.peer)
                if case .refusedAtOnce(let problem) = admission.verdict { found = problem.status.code }
            } catch { found = error.status.code }
            #expect(found == status, "\(head.path)")
        }
        refused.flush(isLast: true)
        let lines = written.withLock { $0 }.map { entry in
            "\(entry.key ?? "-") \(entry.address ?? "-") \(entry.method ?? "-") \(entry.route ?? "-") "
                + "\(entry.status ?? 0) \(entry.outcome ?? "-")"
        }
        #expect(
            lines.sorted() == [
                "- 192.0.2.1 GET - 401 unauthorized", "- 192.0.2.1 GET /jobs 401 unauthorized",
                "- 192.0.2.1 POST /score 401 unauthorized", "alice 192.0.2.1 GET /metrics 403 role-forbids",
                "looker 192.0.2.1 DELETE /jobs/{id} 403 role-forbids",
            ])
        #expect(written.withLock { $0 }.allSatisfy { $0.action == .refuse && $0.count == nil })
    }

    @Test("alike requests are one line with their number")
    func counts() {
        var tally = RefusalTally()
        for number in 0..<10_000 { tally.count(Self.kind(number % 2), from: "192.0.2.\(number % 2)", at: Self.time(0)) }
        let lines = tally.take(at: Self.time(1), all: false)
        #expect(lines.map(\.count) == [5_000, 5_000])
        #expect(lines.map(\.address) == ["192.0.2.0", "192.0.2.1"])
        #expect(tally.isEmpty)
    }

    @Test("a flood from many addresses makes a line in ten seconds, and nothing is left out of the numbers")
    func flood() {
        var tally = RefusalTally()
        var (refused, told, lines) = (0, 0, 0)
        for second in 0..<3_600 {
            for number in 0..<50 {
                tally.count(Self.kind(second * 50 + number), from: "192.0.2.1", at: Self.time(second))
                refused += 1
            }
            let entries = tally.take(at: Self.time(second), all: false)
            lines += entries.count
            told += entries.reduce(0) { $0 + ($1.count ?? 1) }
        }
        #expect(lines <= RefusalTally.most + 360)
        told += tally.take(at: Self.time(3_600), all: true).reduce(0) { $0 + ($1.count ?? 1) }
        #expect(told == refused)
    }

    @Test("after a quiet time as much is told apart as at first")
    func quiet() {
        var tally = RefusalTally()
        for number in 0..<100 { tally.count(Self.kind(number), from: "", at: Self.time(0)) }
        #expect(tally.take(at: Self.time(1), all: false).count == RefusalTally.most)
        #expect(tally.take(at: Self.time(2), all: false).isEmpty && !tally.isEmpty)
        #expect(tally.take(at: Self.time(11), all: false).map(\.outcome) == ["others"])
        for number in 0..<20 { tally.count(Self.kind(number), from: "", at: Self.time(1_000)) }
        #expect(tally.take(at: Self.time(1_001), all: false).count == RefusalTally.most)
    }

    private static func kind(_ number: Int) -> RefusalTally.Kind {
        RefusalTally.Kind(
            client: .address("\(number)"), method: "GET", route: "/jobs", status: 401, problem: "unauthorized")
    }

    private static func time(_ seconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(seconds) * 1_000_000_000)
    }
}
