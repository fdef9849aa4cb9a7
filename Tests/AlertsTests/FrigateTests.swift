import HTTPClient
import JSON
import TestSupport
import Testing

@testable import Alerts

@Suite("Frigate's events")
struct FrigateTests {
    private static func alert(_ phase: Alert.Phase, at seconds: Double?, camera: String = "front door") -> Alert {
        var alert = Alert(
            phase, job: "01JOB", camera: camera, model: "ucf", start: 3, end: phase == .end ? 9 : nil,
            label: "road/accident", score: 0.75)
        if phase == .begin { alert.startSeconds = seconds } else { alert.endSeconds = seconds }
        return alert
    }

    @Test("an event that has begun has no duration; camera and label are parts of the path")
    func begin() throws {
        let message = FrigatePlace.creation(of: Self.alert(.begin, at: 1), endingWith: nil)
        #expect(message.method == "POST")
        #expect(message.path == "/api/events/front%20door/road%2Faccident/create")
        let body = try JSONReader.parse(message.body)
        #expect(body["duration"] == .null && body["score"]?.double == 0.75)
        #expect(body["source_type"]?.string == "api" && body["include_recording"] == .bool(true))
        #expect(body["draw"] == .object([]))
    }

    /// A segment's begin and end in seconds, below zero where they are not known, and how long its event is.
    struct Length: Sendable {
        let from: Double
        let until: Double
        let seconds: Int
    }

    @Test(
        "one that is over is as long as it was, and a second at least",
        arguments: [
            Length(from: 1, until: 4.2, seconds: 4), Length(from: 1, until: 1.1, seconds: 1),
            Length(from: -1, until: 4, seconds: 1), Length(from: 0, until: -1, seconds: 1),
            Length(from: 0, until: 1e9, seconds: 86_400),
        ])
    func whole(length: Length) throws {
        func known(_ seconds: Double) -> Double? { seconds < 0 ? nil : seconds }
        let message = FrigatePlace.creation(
            of: Self.alert(.begin, at: known(length.from)), endingWith: Self.alert(.end, at: known(length.until)))
        #expect(try JSONReader.parse(message.body)["duration"]?.integer == length.seconds)
    }

    @Test("an event's end is put to its id, which is one part of the path")
    func end() {
        let message = FrigatePlace.end(of: "1700000000.5-a/b")
        #expect(message.method == "PUT" && message.path == "/api/events/1700000000.5-a%2Fb/end")
    }

    @Test(
        "what Frigate's answers mean",
        arguments: [
            (200, AlertVerdict.told(token: "1.2-x")), (404, .refused(reason: "Frigate answered 404")),
            (422, .refused(reason: "Frigate answered 422")), (401, .failed(reason: "Frigate answered 401")),
            (503, .failed(reason: "Frigate answered 503")), (429, .failed(reason: "Frigate answered 429")),
        ])
    func answers(status: Int, verdict: AlertVerdict) {
        let body = #"{"success": true, "message": "Successfully created event.", "event_id": "1.2-x"}"#
        let answer = Answer(head: AnswerHead(status: status), body: Array(body.utf8))
        #expect(FrigatePlace.verdict(answer, now: 0) == verdict)
    }

    @Test("an answer that is no JSON, or has a long id, gives no id")
    func strange() {
        for body in ["", "<html>", #"{"event_id": 7}"#, #"{"event_id": "\#(String(repeating: "x", count: 201))"}"#] {
            let answer = Answer(head: AnswerHead(status: 200), body: Array(body.utf8))
            #expect(FrigatePlace.verdict(answer, now: 0) == .told(token: nil))
        }
    }
}
