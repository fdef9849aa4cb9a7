import Foundation
import HTTP
import HTTPTypes
import Jobs
import TestSupport
import Testing

@testable import API
@testable import Scoring

/// Each endpoint, for each role, with jobs of its own, of others, and of nobody.
@Suite("What keys may see and do", .timeLimit(.minutes(10)))
struct OwnersTests {
    private static let lines = [
        "alice", "bob role=submitter", "root role=admin", "looker role=reader owner=alice",
        "auditor role=reader owner=*", "second owner=alice", "nothing role=reader",
    ]
    private static let unknown = "0000000000000000000000000A"

    enum Sight: CaseIterable {
        case own
        case others
        case nobodys
    }

    /// Who asks, whether it may submit and delete, and whose jobs it sees.
    static let bearers: [(key: String, changes: Bool, sees: Set<String?>)] = [
        ("alice", true, ["alice"]), ("second", true, ["alice"]), ("bob", true, ["bob"]),
        ("root", true, ["alice", "bob", nil]), ("looker", false, ["alice"]),
        ("auditor", false, ["alice", "bob", nil]), ("nothing", false, []),
    ]

    /// A service in which alice, bob and nobody have a queued job, one that has ended, and a batch.
    private struct Scene {
        let guarded: GuardedService
        var queued: [String?: String] = [:]
        var ended: [String?: String] = [:]
        var batches: [String?: String] = [:]

        init() async throws {
            guarded = try GuardedService(OwnersTests.lines)
            for owner in ["alice", "bob", nil] {
                batches[owner] = try await guarded.submitBatch(as: owner).description
                for isEnded in [false, true] {
                    let id: String
                    if let owner { id = try await guarded.submit(as: owner) } else { id = try await nobodysJob() }
                    if isEnded {
                        _ = try await guarded.service.scoring.backlog.cancel(try #require(JobID(id)))
                        ended[owner] = id
                    } else {
                        queued[owner] = id
                    }
                }
            }
        }

        private func nobodysJob() async throws -> String {
            let batch = try await guarded.submitBatch(as: nil)
            let jobs = try #require(try await guarded.service.scoring.backlog.batch(batch)).jobs
            return jobs[0].id.description
        }
    }

    /// The answer without what names the job that was asked for.
    private func anonymous(_ answer: GuardedService.Answer, _ id: String) -> GuardedService.Answer {
        GuardedService.Answer(
            status: answer.status, body: answer.body.replacingOccurrences(of: id, with: "ID"), fields: answer.fields)
    }

    @Test("who does not see a job or batch is told what is told of one that there is not, to the letter")
    func reading() async throws {
        let scene = try await Scene()
        let targets: [(method: HTTPRequest.Method, path: (String) -> String, ids: [[String?: String]])] = [
            (.get, { "/jobs/\($0)" }, [scene.queued, scene.ended]),
            (.head, { "/jobs/\($0)" }, [scene.queued, scene.ended]),
            (.get, { "/jobs/\($0)/events" }, [scene.queued, scene.ended]),
            (.get, { "/batches/\($0)" }, [scene.batches]),
        ]
        for (key, _, sees) in Self.bearers {
            for (method, path, ids) in targets {
                let none = anonymous(
                    try await scene.guarded.ask(method, path(Self.unknown), as: key), Self.unknown)
                #expect(none.status == 404)
                for (owner, id) in ids.flatMap({ $0.map { ($0.key, $0.value) } }) {
                    let answer = try await scene.guarded.ask(method, path(id), as: key)
                    if sees.contains(owner) {
                        #expect(answer.status == 200, "\(key) \(method) \(path("ID")) of \(owner ?? "nobody")")
                    } else {
                        #expect(
                            anonymous(answer, id) == none, "\(key) \(method) \(path("ID")) of \(owner ?? "nobody")")
                    }
                }
            }
        }
    }

    @Test("nobody waits for what is not to be seen")
    func waiting() async throws {
        let scene = try await Scene()
        // The clock stands still: a wait would have no end.
        for path in ["/jobs/\(scene.queued["bob"] ?? "")", "/batches/\(scene.batches["bob"] ?? "")"] {
            #expect(try await scene.guarded.ask(.get, path + "?wait=60", as: "alice").status == 404)
        }
    }

    @Test("a list has what its reader sees, whatever is asked for, and its pages count nothing else")
    func lists() async throws {
        let scene = try await Scene()
        for (key, _, sees) in Self.bearers {
            var found: [String] = []
            var target = "/jobs?limit=2"
            while true {
                let answer = try await scene.guarded.ask(.get, target, as: key)
                let page = try #require(
                    try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? APIDescription.Node)
                let jobs = try #require(page["jobs"] as? [APIDescription.Node])
                found += jobs.map { "\($0["owner"] ?? "nobody")" }
                guard let next = page["next"] as? String else { break }
                #expect(jobs.count == 2 && jobs.last?["id"] as? String == next)
                target = "/jobs?limit=2&cursor=\(next)"
            }
            let expected = sees.map { [$0 ?? "nobody"] }.flatMap {
                [String](repeating: $0[0], count: $0[0] == "nobody" ? 6 : 4)
            }
            #expect(found.sorted() == expected.sorted(), "\(key)")
            for owner in ["alice", "bob", "nemo"] {
                let own = try await scene.guarded.ask(.get, "/jobs?owner=\(owner)", as: key)
                #expect(own.status == 200)
                #expect(own.body.contains("\"\(owner)\"") == sees.contains(owner), "\(key) lists \(owner)'s")
            }
            let batch = try await scene.guarded.ask(.get, "/jobs?batch=\(scene.batches["bob"] ?? "")", as: key)
            #expect(batch.body.contains("\"bob\"") == sees.contains("bob"))
        }
    }

    @Test("who may delete deletes what it sees; a reader is told that it may not, of whatever it names")
    func deleting() async throws {
        for (key, changes, sees) in Self.bearers {
            let scene = try await Scene()
            for (path, ids) in [("/jobs/", scene.queued), ("/jobs/", scene.ended), ("/batches/", scene.batches)] {
                let none = anonymous(
                    try await scene.guarded.ask(.delete, path + Self.unknown, as: key), Self.unknown)
                #expect(none.status == (changes ? 404 : 403))
                for (owner, id) in ids {
                    let answer = try await scene.guarded.ask(.delete, path + id, as: key)
                    if changes, sees.contains(owner) {
                        #expect((200...204).contains(answer.status), "\(key) \(path) of \(owner ?? "nobody")")
                    } else {
                        #expect(anonymous(answer, id) == none, "\(key) \(path) of \(owner ?? "nobody")")
                        let after = try await scene.guarded.ask(.get, path + id, as: "root")
                        #expect(after.status == 200, "it is there as before")
                    }
                }
            }
        }
    }

    @Test("who may submit has what it submits, and a reader submits nothing, to be looked at neither")
    func submitting() async throws {
        let guarded = try GuardedService(Self.lines)
        for (key, changes, _) in Self.bearers {
            for target in ["/score", "/score?validate_only=true"] {
                let answer = try await guarded.ask(.post, target, as: key, body: GuardedService.npy(1))
                if changes {
                    #expect((200...202).contains(answer.status), "\(key) \(target)")
                } else {
                    #expect(answer.status == 403 && answer.problem == "role-forbids", "\(key) \(target)")
                }
            }
        }
        let owners = try await guarded.service.scoring.backlog.list(limit: 9).map(\.owner)
        #expect(owners.reversed() == ["alice", "alice", "bob", "root"], "second's are alice's")
    }

    @Test("a key of a request is its owner's, and so is a result that answers again")
    func answersAgain() async throws {
        var settings = ScoringService.Settings()
        settings.reusesResults = true
        let guarded = try GuardedService(Self.lines, settings: settings)
        var ids: [String: String] = [:]
        for key in ["alice", "second", "bob", "root"] {
            let answer = try await guarded.ask(
                .post, "/score", as: key, body: GuardedService.npy(1), fields: [(.idempotencyKey, "one")])
            #expect((answer.fields[.idempotencyReplayed] == "true") == (key == "second"))
            ids[key] = answer.fields[.location]
        }
        #expect(ids["alice"] == ids["second"] && Set(ids.values).count == 3)
        for claimed in try await guarded.store.claim(limit: 9) {
            _ = try await guarded.store.complete(claimed.token, with: .succeeded(JobOutput(body: [])), timings: nil)
        }
        let again = try await guarded.store.list(JobFilter(status: .succeeded), limit: 9, before: nil)
        #expect(again.count == 3)
        let reuse = again.map(\.owner)
        #expect(Set(reuse) == ["alice", "bob", "root"], "three have each worked on the same features")
    }

    @Test("without keys everybody sees all, and jobs have no owner")
    func withoutKeys() async throws {
        let guarded = try GuardedService(nil)
        let id = try await guarded.submit(as: nil)
        let answer = try await guarded.ask(.get, "/jobs/\(id)", as: nil)
        #expect(answer.status == 200 && !answer.body.contains("\"owner\""))
        let alices = try await guarded.submitBatch(as: "alice").description
        #expect(try await guarded.ask(.get, "/batches/\(alices)", as: nil).status == 200)
        #expect(try await guarded.ask(.delete, "/jobs/\(id)", as: nil).status == 200)
    }

    @Test("details of health, and metrics, are for keys that see all, and for readers of nobody's jobs")
    func health() async throws {
        let guarded = try GuardedService(Self.lines)
        for (key, _, sees) in Self.bearers {
            let seesServer = sees.contains(nil) || sees.isEmpty
            let metrics = try await guarded.ask(.get, "/metrics", as: key)
            #expect((metrics.problem == "role-forbids") == !seesServer, "\(key): \(metrics.body.prefix(200))")
            for path in ["/readyz", "/healthz", "/livez"] {
                let answer = try await guarded.ask(.get, path, as: key)
                #expect(answer.body.contains("detail") == seesServer, "\(key) \(path)")
            }
        }
    }

    @Test("a key that is taken back between the gate and the endpoint is none")
    func takenBack() async throws {
        let guarded = try GuardedService(["alice"])
        let request = Request(
            head: RequestHead(method: .get, path: "/jobs"), client: .key("mallory"))
        await #expect(throws: HTTPProblem.self) { try await guarded.service.listJobs(request) }
        let noKey = Request(head: RequestHead(method: .get, path: "/jobs"))
        await #expect(throws: HTTPProblem.self) { try await guarded.service.listJobs(noKey) }
    }
}

/// What keys may hand in, and until when they are good.
@Suite("Quotas and times of keys", .timeLimit(.minutes(10)))
struct QuotasTests {
    @Test(
        "a key's quota of a day is answered by 429 and when to come again, before the body is read once it is used up")
    func quota() async throws {
        let guarded = try GuardedService(["alice jobs-per-day=2", "bob", "carol snippets-per-day=10"])
        for seed in 1...2 { _ = try await guarded.submit(UInt64(seed), as: "alice") }
        let answer = try await guarded.ask(.post, "/score", as: "alice", body: [])
        #expect(answer.status == 429 && answer.problem == "quota-exceeded", "\(answer.body)")
        let day: Int64 = 86_400_000
        let left = (day - guarded.clock.wall.milliseconds % day + 999) / 1_000
        #expect(answer.fields[.retryAfter] == "\(left)")
        #expect(answer.body.contains("2 of the 2 jobs") && answer.body.contains("UTC"))
        _ = try await guarded.submit(as: "bob")
        _ = try await guarded.submit(rows: 8, as: "carol")
        let more = try await guarded.ask(.post, "/score", as: "carol", body: GuardedService.npy(2, rows: 3))
        #expect(more.status == 429 && more.body.contains("8 of the 10 snippets"))
        let never = try await guarded.ask(.post, "/score", as: "carol", body: GuardedService.npy(2, rows: 11))
        #expect(never.problem == "beyond-quota" && never.fields[.retryAfter] == nil, "no day has so many")
        #expect(
            try await guarded.ask(.post, "/score?validate_only=true", as: "alice", body: GuardedService.npy(1)).status
                == 200)
        guarded.clock.advance(by: .seconds(left))
        _ = try await guarded.submit(3, as: "alice")
    }

    @Test("a key is told the limits that are its own")
    func ownLimits() async throws {
        var limits = Backlog.Limits(maxJobs: 100)
        limits.maxJobsPerClient = 60
        let guarded = try GuardedService(["alice max-queued=3", "bob"], limits: limits)
        for (key, most) in [("alice", 3), ("bob", 60)] {
            let told = try await guarded.ask(.get, "/v1/server", as: key)
            #expect(told.body.contains("\"queued_jobs_per_client\":\(most),"), "\(told.body)")
        }
    }

    @Test("a request that comes again under its key is answered as before, though the quota is used up")
    func quotaOfKnown() async throws {
        let guarded = try GuardedService(["alice jobs-per-day=1"])
        func ask(_ seed: UInt64, _ key: String) async throws -> GuardedService.Answer {
            try await guarded.ask(
                .post, "/score", as: "alice", body: GuardedService.npy(seed), fields: [(.idempotencyKey, key)])
        }
        let first = try await ask(1, "one")
        let again = try await ask(1, "one")
        #expect(first.status == 202 && again.status == 202, "\(again.body)")
        #expect(again.fields[.idempotencyReplayed] == "true")
        #expect(again.fields[.location] == first.fields[.location])
        let other = try await ask(2, "two")
        #expect(other.status == 429 && other.problem == "quota-exceeded", "\(other.body)")
    }

    @Test("a key may have so many jobs queued, whatever others have")
    func queued() async throws {
        let guarded = try GuardedService(["alice max-queued=1", "bob"])
        let id = try await guarded.submit(as: "alice")
        let answer = try await guarded.ask(.post, "/score", as: "alice", body: GuardedService.npy(2))
        #expect(answer.status == 429 && answer.problem == "share-full" && answer.fields[.retryAfter] != nil)
        for seed in 1...3 { _ = try await guarded.submit(UInt64(seed), as: "bob") }
        #expect(try await guarded.ask(.delete, "/jobs/\(id)", as: "alice").status == 200)
        _ = try await guarded.submit(as: "alice")
    }

    @Test("a key is good until it expires, which its bearer is told then; one that was taken back is unknown")
    func expiry() async throws {
        let guarded = try GuardedService([
            "alice expires=2999-01-01", "bob expires=1970-01-02T00:00:00Z", "carol revoked=2020-01-01T00:00:00Z",
        ])
        #expect(try await guarded.ask(.get, "/jobs", as: "alice").status == 200)
        let late = try await guarded.ask(.get, "/jobs", as: "bob")
        #expect(late.status == 401 && late.body.contains("'bob' expired at 1970-01-02"), "\(late.body)")
        #expect(late.fields[.wwwAuthenticate] == "Bearer error=\"invalid_token\"")
        let revoked = try await guarded.ask(.get, "/jobs", as: "carol")
        let unknown = try await guarded.ask(.get, "/jobs", as: "dave")
        #expect(revoked == unknown && unknown.status == 401)
        for key in ["bob", "carol"] {
            #expect(try await !guarded.ask(.get, "/readyz", as: key).body.contains("detail"))
        }
    }
}
