import JSON
import Jobs
public import Logging
import Scoring
import Synchronization
public import Tracing
public import Webhooks

/// Tells clients that their jobs have ended, as Standard Webhooks says: takes the notes that are due, has each delivered,
/// and writes down what came of it. What is due, and when, is in the store, so a process that ends takes nothing with it.
public struct CallbackDelivery: Sendable {
    /// Notes that are on their way at a time, in all and to one receiver; those that failed before have half of a
    /// receiver's places. A note waits no longer than its lease lasts.
    private static let room = CallbackRoom(most: 64, perReceiver: 4, failedPerReceiver: 2)
    /// Notes that are taken at a time.
    private static let handful = 16
    /// The longest pause between two looks for notes that are due.
    private static let pause = Duration.seconds(1)

    private let sender: WebhookSender
    private let schedule: RetrySchedule
    private let tracer: Tracer?
    private let logger: Logger
    private let telemetry: JobTelemetry?

    /// Delivers by `sender`, again and again as `schedule` says; each try is recorded by `tracer` and counted by `telemetry`.
    public init(
        sender: WebhookSender, schedule: RetrySchedule = RetrySchedule(), tracer: Tracer? = nil,
        telemetry: JobTelemetry? = nil, logger: Logger
    ) {
        self.telemetry = telemetry
        self.sender = sender
        self.tracer = tracer
        self.schedule = schedule
        self.logger = logger
    }

    /// A client's address in the one form that it is kept in, so that a receiver that is spelled in several ways is one;
    /// throws where it can't be called.
    public func address(_ text: String) throws(OptionError) -> String {
        let url: WebhookURL
        do throws(WebhookURLError) { url = try WebhookURL(text) } catch {
            throw OptionError(name: "callback", problem: "\(error)")
        }
        do throws(WebhookRefusal) { try sender.policy.check(url) } catch {
            throw OptionError(name: "callback", problem: "\(error)\(Self.advice(on: error))")
        }
        return url.text
    }

    private static func advice(on refusal: WebhookRefusal) -> String {
        switch refusal {
        case .off, .hostNotAllowed: "; an operator allows hosts by --callback-hosts"
        case .plainHTTP: ", not http"
        case .addressNotAllowed(_, _, let kind):
            kind.isNeverAllowed ? "" : "; an operator allows such addresses by --callback-private"
        }
    }

    /// Goes on until the task is cancelled.
    public func run(_ backlog: Backlog) async {
        let onTheirWay = OnTheirWay(Self.room)
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let notes = await take(within: onTheirWay.room, of: backlog)
                for note in notes {
                    // Its lease was too short; it comes back when the new one is over.
                    guard onTheirWay.add(note) else { continue }
                    group.addTask {
                        let verdict = await self.deliver(note)
                        onTheirWay.remove(note)
                        await self.settle(note, verdict, backlog)
                        backlog.ringForCallbacks()
                    }
                }
                if notes.isEmpty { await backlog.waitForCallback(atMost: Self.pause) }
            }
            group.cancelAll()
        }
    }

    private func take(within room: CallbackRoom, of backlog: Backlog) async -> [CallbackNote] {
        do { return try await backlog.takeCallbacks(limit: Self.handful, within: room) } catch {
            logger.error("callbacks can't be looked up", metadata: ["error": "\(error)"])
            return []
        }
    }

    /// One try.
    private func deliver(_ note: CallbackNote) async -> CallbackVerdict {
        guard let url = try? WebhookURL(note.url),
            var message = WebhookMessage(id: note.job.id.description, body: CallbackDocument(job: note.job).json)
        else { return .settled }
        let context = note.job.trace.flatMap { TraceContext(text: $0) }
        // Whoever records nothing hands on what it got.
        let step = tracer != nil && context?.isSampled == true ? context?.step : context
        message.traceParent = step?.parent
        message.traceState = step.flatMap { $0.state.isEmpty ? nil : $0.state }
        let start = SpanTime.now
        let verdict = await sender.deliver(message, to: url)
        if let context, let step {
            tracer?.record(TraceSpan(note, to: url, step, of: context, from: start, verdict), of: context)
        }
        // Whether it arrived nobody knows; the next process tries it again.
        if Task.isCancelled, verdict != .delivered { return .untried }
        let metadata: Logger.Metadata = ["job": "\(note.job.id)", "host": "\(url.host)", "try": "\(note.tries)"]
        switch verdict {
        case .delivered:
            telemetry?.called(.delivered)
            logger.debug("a callback was delivered", metadata: metadata)
            return .settled
        case .gone:
            telemetry?.called(.gone)
            logger.info("a callback was ended by its receiver", metadata: metadata)
            return .settled
        case .refused(let reason):
            telemetry?.called(.refused)
            logger.warning("a callback was not sent", metadata: metadata.merging(["reason": "\(reason)"]) { $1 })
            return .settled
        case .failed(let reason, let retryAfter):
            return retry(note, reason: reason, after: retryAfter, metadata)
        }
    }

    private func retry(
        _ note: CallbackNote, reason: String, after wish: Duration?, _ metadata: Logger.Metadata
    ) -> CallbackVerdict {
        var random = SystemRandomNumberGenerator()
        let delay = schedule.delay(
            afterFailures: note.tries, elapsed: note.age, retryAfter: wish, using: &random)
        let metadata = metadata.merging(["reason": "\(reason)"]) { $1 }
        telemetry?.called(delay == nil ? .givenUp : .failed)
        guard let delay else {
            logger.warning("a callback was given up after a day", metadata: metadata)
            return .settled
        }
        logger.info(
            "a callback failed and is tried again",
            metadata: metadata.merging(["seconds": .stringConvertible(delay.components.seconds)]) { $1 })
        return .retry(after: delay)
    }

    private func settle(_ note: CallbackNote, _ verdict: CallbackVerdict, _ backlog: Backlog) async {
        do { try await backlog.settleCallback(of: note.job.id, verdict) } catch {
            logger.error(
                "what came of a callback can't be written", metadata: ["job": "\(note.job.id)", "error": "\(error)"])
        }
    }
}

extension TraceSpan {
    /// One try to call back. Path and query, which may hold a token, are no part of it.
    fileprivate init(
        _ note: CallbackNote, to url: WebhookURL, _ step: TraceContext, of job: TraceContext, from start: UInt64,
        _ verdict: DeliveryVerdict
    ) {
        let failure: String? =
            switch verdict {
            case .delivered, .gone: nil
            case .failed: "failed"
            case .refused: "refused"
            }
        self.init(
            "callback", step, parent: job.spanID, kind: .client, start: start, end: SpanTime.now,
            attributes: [
                ("http.request.method", .text("POST")), ("server.address", .text("\(url.host)")),
                ("server.port", .integer(Int(url.port))), ("vigil.job.id", .text(note.job.id.description)),
                ("vigil.callback.try", .integer(note.tries)),
            ], failure: failure)
    }
}

/// The notes that are being delivered.
private final class OnTheirWay: Sendable {
    private struct State {
        var jobs: Set<JobID> = []
        var room: CallbackRoom
    }

    private let state: Mutex<State>

    init(_ room: CallbackRoom) { state = Mutex(State(room: room)) }

    var room: CallbackRoom { state.withLock { $0.room } }

    /// Counts a note in; false where it is on its way already.
    func add(_ note: CallbackNote) -> Bool {
        state.withLock { state in
            guard !state.jobs.contains(note.job.id), state.room.add(note.receiver, failed: note.tries > 1) else {
                return false
            }
            state.jobs.insert(note.job.id)
            return true
        }
    }

    func remove(_ note: CallbackNote) {
        state.withLock { state in
            state.jobs.remove(note.job.id)
            state.room.remove(note.receiver)
        }
    }
}

/// What a callback says: that a job has ended, and how, in the form that Standard Webhooks recommends. The result is to be
/// fetched.
struct CallbackDocument {
    let job: Job

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("type", "job.\(job.status.rawValue)")
                json.member("timestamp", (job.finishedAt ?? job.createdAt).description)
                json.key("data")
                JobDocument(job: job).write(to: &json)
            }
        }
    }
}
