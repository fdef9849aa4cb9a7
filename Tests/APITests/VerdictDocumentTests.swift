import Foundation
import HTTP
import HTTPTypes
import Testing

@testable import API
@testable import HTTP
@testable import Jobs
@testable import Scoring

@Suite("verdicts as they are told")
struct VerdictDocumentTests {
    @Test("have the described properties, and no other")
    func described() throws {
        var conformance = Conformance(try APIDescription())
        let id = try #require(JobID("01M85BV3QAE4RGA8GVVP3465ME"))
        let text = #"{"verdicts": [{"start": 1, "end": 3, "verdict": "false_alarm", "label": "dog", "note": "n"}]}"#
        let signed = try Verdicts(Array(text.utf8), snippets: 3).signed(
            by: "alice", at: WallTime(milliseconds: 0), over: Verdicts())
        let json = VerdictsDocument(job: id, verdicts: signed, revision: 2).json
        try conformance.check(json, "Verdicts")
        #expect(conformance.differences == [] && conformance.unseen(in: ["Verdicts", "Verdict"]) == [])
        #expect(try Verdicts(json, snippets: 3).all.map(\.range) == [1..<3], "what is told can be sent back")
    }

    @Test("are the annotations of their video: true alarms in frames, and of false ones alone that it has nothing")
    func table() throws {
        let id = try #require(JobID("01M85BV3QAE4RGA8GVVP3465ME"))
        func table(_ verdicts: String, of name: String?) throws -> String {
            let verdicts = try Verdicts(Array("{\"verdicts\": [\(verdicts)]}".utf8), snippets: 100)
            return String(
                decoding: VerdictsDocument(job: id, verdicts: verdicts, revision: 1).table(of: name), as: UTF8.self)
        }
        let head = "video,label,start,end\r\n"
        #expect(try table("", of: "a.npy") == head)
        #expect(
            try table(
                #"{"start": 1, "end": 3, "verdict": "true_alarm", "label": "fire, smoke"}, "#
                    + #"{"start": 5, "end": 6, "verdict": "false_alarm", "label": "dog"}"#, of: "cams/hall.1.mp4")
                == head + "hall.1,\"fire, smoke\",16,48\r\n")
        #expect(try table(#"{"start": 1, "end": 3, "verdict": "false_alarm"}"#, of: nil) == head + "\(id),normal,,\r\n")
    }

    @Test("on a job that has not ended, and without saying which are replaced, none are kept")
    func refused() async throws {
        let running = try EventService()
        let job = try await running.submit(rows: 5)
        func ask(_ method: HTTPRequest.Method) async throws -> Int {
            let head = RequestHead(method: method, path: "/jobs/\(job.id)/verdicts")
            guard case .route(let route, let parameters) = running.service.router().resolve(head),
                case .deferred(let handler) = route.handler
            else { return 0 }
            do { return try await handler(Request(head: head, pathParameters: parameters)).status.code } catch {
                return Problem.of(error)?.status.code ?? 0
            }
        }
        #expect(try await ask(.get) == 200)
        #expect(try await ask(.put) == 409)
        let claimed = try #require(try await running.service.scoring.backlog.store.claim(limit: 1).first)
        _ = try await running.service.scoring.backlog.store.complete(
            claimed.token, with: .succeeded(JobOutput(body: [1])), timings: nil)
        #expect(try await ask(.put) == 428)
    }
}
