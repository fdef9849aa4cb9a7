public import HTTPClient
import JSON
import Platform
import Synchronization
public import TLS

/// Alerts as events of Frigate, by its own API: `POST /api/events/{camera}/{label}/create` when a segment begins, and
/// `PUT /api/events/{id}/end` when it is over; with a duration and in one request where both are known.
public final class FrigatePlace: AlertPlace {
    private static let timeout = Duration.seconds(15)
    private static let stackBytes = 512 << 10
    private static let largestAnswer = 64 << 10
    /// What waits for the thread.
    private static let mostWaiting = 64

    private struct Work: Sendable {
        let alerts: [Alert]
        let token: String?
        let verdict: Latch<AlertVerdict>
    }

    private struct State {
        var waiting: [Work] = []
        var isAtWork = false
    }

    /// `frigate`.
    public let name = "frigate"
    /// What is tried tells.
    public let isReachable = true
    private let server: ServerURL
    private let fields: [(name: String, value: String)]
    private let trust: TLSClientContext?
    private let now: @Sendable () -> Int
    private let state = Mutex(State())

    /// Frigate at a server.
    ///
    /// - Parameters:
    ///   - server: where Frigate listens
    ///   - token: sent as `Authorization: Bearer`; nil for its port without authentication
    ///   - trust: whom it is believed over TLS
    ///   - now: seconds since 1970
    public init(
        _ server: ServerURL, token: String?, trusting trust: TLSClientContext?, now: @escaping @Sendable () -> Int
    ) {
        self.server = server
        self.trust = trust
        self.now = now
        fields =
            [("User-Agent", "vigil"), ("Content-Type", "application/json"), ("Accept", "application/json")]
            + (token.map { [("Authorization", "Bearer \($0)")] } ?? [])
    }

    /// Asks Frigate for what makes, or ends, an event.
    public func tell(_ alerts: [Alert], token: String?) async -> AlertVerdict {
        let work = Work(alerts: alerts, token: token, verdict: Latch())
        let begins = state.withLock { state -> Bool? in
            guard state.waiting.count < Self.mostWaiting else { return nil }
            state.waiting.append(work)
            defer { state.isAtWork = true }
            return !state.isAtWork
        }
        guard let begins else { return .failed(reason: "too much is waiting to be sent") }
        if begins, OwnThread.run(name: "vigil-frigate", stackBytes: Self.stackBytes, run) != 0 {
            let left = state.withLock { state in
                defer { state = State() }
                return state.waiting
            }
            for work in left { work.verdict.close(with: .failed(reason: "the system gave no thread to send it")) }
        }
        return await work.verdict.value()
    }

    /// Does what waits, one after another, over one connection; ends when there is nothing.
    @Sendable private func run() {
        var client: HTTPClient?
        while let work = next() { work.verdict.close(with: tell(work, by: &client)) }
    }

    private func next() -> Work? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isAtWork = false
                return nil
            }
            return state.waiting.removeFirst()
        }
    }

    private func tell(_ work: Work, by client: inout HTTPClient?) -> AlertVerdict {
        if let begin = work.alerts.first, begin.phase == .begin {
            let end = work.alerts.count > 1 ? work.alerts[1] : nil
            return exchange(Self.creation(of: begin, endingWith: end), by: &client)
        }
        // Of an event whose name was never heard nothing can be said: it ended by itself or was never made.
        guard let token = work.token else { return .told() }
        return exchange(Self.end(of: token), by: &client)
    }

    /// A request: its method, path and body.
    struct Message: Equatable {
        let method: String
        let path: String
        let body: [UInt8]
    }

    /// What makes an event; one that is over already with how long it was.
    static func creation(of begin: Alert, endingWith end: Alert?) -> Message {
        let alert = end ?? begin
        let (camera, label) = (alert.camera.percentEncodedPart, alert.label.percentEncodedPart)
        let body = JSONWriter.document { json in
            json.object { json in
                json.member("source_type", "api")
                json.member("sub_label", "vigil")
                json.member("score", alert.score)
                json.member("duration", end.map { Self.seconds(from: begin, to: $0) })
                json.member("include_recording", true)
                json.key("draw")
                json.object { _ in }
            }
        }
        return Message(
            method: "POST",
            path: "/api/events/\(camera)/\(label)/create", body: body)
    }

    /// What ends an event.
    static func end(of id: String) -> Message {
        Message(method: "PUT", path: "/api/events/\(id.percentEncodedPart)/end", body: Array("{}".utf8))
    }

    /// How long a segment was, in whole seconds; a second where that is not known, for an event has to last.
    private static func seconds(from begin: Alert, to end: Alert) -> Int {
        guard let from = end.startSeconds ?? begin.startSeconds, let until = end.endSeconds else { return 1 }
        return max(1, Int(min((until - from).rounded(.up), 86_400)))
    }

    private func exchange(_ message: Message, by client: inout HTTPClient?) -> AlertVerdict {
        do throws(ClientError) {
            // Looked up again after a failure: it may have moved.
            let current: HTTPClient
            if let kept = client {
                current = kept
            } else {
                current = try HTTPClient(server, trusting: trust, largestBody: Self.largestAnswer)
            }
            client = nil
            let bytes = HTTPClient.message(
                message.method, message.path, to: server, fields: fields, body: message.body)
            let answer = try current.exchange(bytes, by: Deadline(in: Self.timeout))
            client = current
            return Self.verdict(answer, now: now())
        } catch {
            return .failed(reason: error.words(for: "receiver"))
        }
    }

    static func verdict(_ answer: Answer, now: Int) -> AlertVerdict {
        let words = "Frigate answered \(answer.status)"
        switch answer.status {
        case 200...299:
            let id = (try? JSONReader.parse(answer.body, maxBytes: largestAnswer))?["event_id"]?.string
            return .told(token: id.flatMap { $0.utf8.count <= 200 ? $0 : nil })
        // Who it is may be put right there; what is asked for may not.
        case 401, 403, 408, 429, 500...599:
            return .failed(
                reason: words, retryAfter: answer.head.retryAfter.flatMap { RetryAfter.delay($0, now: now) })
        default: return .refused(reason: words)
        }
    }
}
