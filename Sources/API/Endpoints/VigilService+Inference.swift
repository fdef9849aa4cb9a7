import Engine
import Formats
import HTTP
import HTTPTypes
import JSON
import Jobs
import Platform
import Scoring

/// `/v2/models/NAME/infer`: scores by the Open Inference Protocol, in one exchange.
extension VigilService {
    /// What was queued for a request. Its features are the jobs' alone by then.
    private struct Inference {
        let version: ModelVersion
        let request: InferenceRequest
        let axes: [Int]
        /// What looks wrong with each video's features.
        let warnings: [[String]]
        let receipt: Receipt
        /// Room for the answer, of so many bytes.
        let share: AnswerBudget.Share
        let room: Int
        /// How long the client waits at most.
        let time: Duration
    }

    /// Scores the tensors of a request while it waits. What is queued for it is a job like any other, and is forgotten once it
    /// is answered or nobody waits for it any more.
    func infer(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let inference = try await submitInference(request)
        let (jobs, isNew) = (inference.receipt.jobs, inference.receipt.origin == .new)
        // What is kept to answer for others is nobody's to forget.
        let isKept = !isNew || scoring.settings.reusesResults
        do {
            try await note?.record(.submit, jobs, status: .accepted, outcome: inference.receipt.origin.word)
            let answer = try await answer(inference, to: request, note)
            if !isKept { leave(jobs) }
            return answer
        } catch {
            if isNew { leave(jobs, areWanted: isKept) }
            throw error
        }
    }

    /// Queues what a request asks for.
    private func submitInference(_ request: Request) async throws -> Inference {
        var spans = UploadSpans(settings.tracer, request.trace)
        let version = try await inferredModel(of: request)
        let headerLength = try InferenceField.headerLength(of: request)
        _ = try parameters(of: request, among: [])
        let (caller, body) = (try caller(of: request), request.body)
        let reservation = try await scoring.reserve(
            bytes: body.declaredLength ?? 0, place: true, mayBeKnown: false, caller: caller,
            interrupt: { body.giveUp() })
        defer { reservation.cancel() }
        await reservation.ready()
        let tensors = try await scoring.readTensors(
            body, declaredLength: body.declaredLength, headerLength: headerLength,
            outputs: InferenceOutputName.allCases.map(\.rawValue), client: caller.client, reservation: reservation)
        let parameters = try InferenceParameters(tensors.request.parameters)
        let options = try scoring.options(parameters.options, of: version)
        let matrices: [AcceptedMatrix]
        do throws(ScoringError) {
            matrices = try await scoring.accept(tensors.upload, options, for: version)
        } catch { throw Problem.of(error, choosingBy: "/v2/models/") }
        spans?.decoded(body, matrices: matrices.count)
        let classes = (options.labels ?? version.model.classes.labels).count
        let room = InferenceAnswer.estimate(tensors.request, axes: tensors.axes, classes: classes)
        // Before anything is scored: afterwards the scores would be thrown away for want of it.
        guard let share = scoring.answers.take(room) else { throw ScoringError.answersBusy }
        let receipt = try await scoring.submit(
            matrices, isBatch: tensors.upload.isBatch, options, caller: caller, key: nil,
            trace: Self.trace(of: request, options), for: version, using: reservation)
        spans?.submitted(jobs: receipt.jobs.count)
        return Inference(
            version: version, request: tensors.request, axes: tensors.axes,
            warnings: matrices.map(\.report.warnings), receipt: receipt, share: share, room: room,
            time: min(parameters.timeout ?? settings.maxWait, settings.maxWait))
    }

    /// Waits for jobs to end, and makes one answer of what they came to.
    private func answer(
        _ inference: Inference, to request: Request, _ note: AuditNote?
    ) async throws -> Response {
        let deadline = scoring.backlog.now + inference.time
        var ended: [Job] = []
        for job in inference.receipt.jobs {
            let current = try await scoring.waited(job.id, max(.zero, deadline - scoring.backlog.now))
            try Task.checkCancellation()
            ended.append(try Self.scored(current, isDraining: scoring.backlog.admission() == .draining))
        }
        var results: [ScoreResult] = []
        for job in ended {
            results.append(try await scoring.result(of: job, isFetched: true, least: 0, need: { _ in 0 }).result)
        }
        try await note?.record(.read, ended, status: .ok, outcome: "scores")
        let sha256 = await inference.version.sha256
        let started = ContinuousClock.now
        return await LongWork.run(if: inference.room > AnswerBudget.small) { [results] in
            let body = InferenceAnswer(
                request: inference.request, axes: inference.axes, model: (inference.version.name, sha256),
                results: results.map { ScoreDocument($0) }, warnings: inference.warnings
            ).body
            let timing = Self.timing(results, written: ContinuousClock.now - started)
            let rendered = RenderedResult(body.bytes, timing: timing, holding: inference.share)
            var fields: HTTPFields = [.cacheControl: "no-store", .serverTiming: timing]
            fields[.contentType] = body.headerBytes == nil ? "application/json" : "application/octet-stream"
            fields[.inferenceHeaderLength] = body.headerBytes.map { "\($0)" }
            return Response(status: .ok, fields: fields, body: rendered.body(for: request.client.description))
        }
    }

    /// The job, which has its scores; throws why not.
    private static func scored(_ job: Job?, isDraining: Bool) throws(HTTPProblem) -> Job {
        guard let job else { throw Problem.notScored("The request's job was deleted before it had ended.") }
        switch job.status {
        case .succeeded: return job
        case .cancelled: throw Problem.notScored("The request's job was cancelled.")
        case .queued, .running:
            if isDraining { throw Problem.submit(.draining) }
            throw Problem.notScored("The request was not scored in the time that it may take.")
        case .failed:
            guard let failure = job.failure else { throw Problem.notScored("The request's job has failed.") }
            throw Problem.failed(failure)
        }
    }

    private static func timing(_ results: [ScoreResult], written: Duration) -> String {
        let queued = results.map(\.queuedMilliseconds).max() ?? 0
        let scored = results.map(\.scoredMilliseconds).max() ?? 0
        return "queue;dur=\(queued), score;dur=\(scored), write;dur=\(written.milliseconds)"
    }

    /// How long a worker may be at a part of a job that was cancelled.
    private static let patience = Duration.seconds(60)

    /// Ends jobs that nobody waits for, and forgets them; nobody is kept waiting for that.
    ///
    /// - Parameter areWanted: whether what has ended well is kept
    private func leave(_ jobs: [Job], areWanted: Bool = false) {
        Task { [scoring] in
            for job in jobs {
                if case .requested? = try? await scoring.backlog.cancel(job.id) {
                    _ = try? await scoring.backlog.waitForEnd(job.id, timeout: Self.patience)
                }
                if areWanted, let status = try? await scoring.backlog.job(job.id)?.status, status == .succeeded {
                    continue
                }
                _ = try? await scoring.backlog.forget(job.id)
            }
        }
    }
}

/// What of an inference request stands beside its tensors.
struct InferenceParameters {
    /// What is asked of the scores, as of `POST /score`.
    let options: [Parameter]
    /// How long the client waits, where it says that.
    let timeout: Duration?

    /// Parameters of `POST /score` that are asked for otherwise here, or mean nothing.
    private static let elsewhere: [String: String] = [
        "model": "it stands in the path",
        "compare": "a request is scored by one model",
        "logits": "they are outputs, coarse_logits and fine_logits",
        "validate_only": "nothing is answered here but scores",
        "callback": "the answer comes with this exchange",
    ]

    /// Reads them; throws what can't be taken.
    init(_ members: [JSONValue.Member]) throws(HTTPProblem) {
        var options: [Parameter] = []
        var timeout: Duration?
        for member in members {
            let name = member.name
            if let advice = Self.elsewhere[name] {
                throw Problem.option(
                    OptionError(name: name, problem: "no parameter of an inference request: \(advice)"))
            }
            if name.begins(with: "sequence_") {
                throw Problem.option(OptionError(name: name, problem: "sequences of requests are not supported here"))
            }
            switch (name, member.value) {
            case ("timeout", let value):
                guard let microseconds = value.integer, microseconds >= 0 else {
                    throw Problem.option(OptionError(name: name, problem: "expected a whole number of microseconds"))
                }
                // None asked for, as Triton has it.
                if microseconds > 0 { timeout = .microseconds(microseconds) }
            case ("priority", .number):
                guard let level = member.value.integer, (0...3).contains(level) else {
                    throw Problem.option(OptionError(name: name, problem: "expected 0 to 3, 1 being the highest"))
                }
                let words = ["normal", "high", "normal", "low"]
                options.append(Parameter(name, .text(words[level])))
            default: options.append(Parameter(name, .json(member.value)))
            }
        }
        self.options = options
        self.timeout = timeout
    }
}

/// What the head of an inference request says of its body.
enum InferenceField {
    private static let taken = "application/json, application/octet-stream"

    /// How long the JSON is, where bytes of tensors may follow; throws what isn't taken.
    static func headerLength(of request: Request) throws(HTTPProblem) -> Int? {
        let head = request.head
        if let type = head.fields[.contentType], !type.isEmpty {
            switch MediaType(type)?.essence {
            // curl -d sends the last one unasked.
            case "application/json", "application/octet-stream", "binary/octet-stream",
                "application/x-www-form-urlencoded":
                break
            default:
                throw Problem.mediaType(
                    "Content-Type '\(type.prefix(80))' is not taken: expected one of \(taken)",
                    fields: HTTPField.Name("Accept-Post").map { [$0: taken] } ?? [:])
            }
        }
        guard let text = head.fields[.inferenceHeaderLength] else { return nil }
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy(ASCII.isDigit), let length = Int(text),
            length > 0
        else {
            throw Problem.unreadable(
                "Inference-Header-Content-Length is '\(text.prefix(40))': expected a number of bytes.")
        }
        if let whole = request.body.declaredLength, whole < length {
            throw Problem.unreadable(
                "Inference-Header-Content-Length is \(length), and the whole body has \(whole) bytes.")
        }
        return length
    }
}

extension Problem {
    static func notScored(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .serviceUnavailable, slug: "not-scored", title: "The request was not scored", detail: detail,
            fields: [.retryAfter: "1"])
    }

    /// What a request is told whose job has failed.
    fileprivate static func failed(_ failure: JobFailure) -> HTTPProblem {
        switch failure.reason {
        case "not-finite", "wrong-width":
            HTTPProblem(
                status: .unprocessableContent, slug: "unfit-features", title: "The features can't be scored",
                detail: failure.detail)
        case "labels":
            HTTPProblem(
                status: .unprocessableContent, slug: "unfit-labels", title: "The labels can't be scored against",
                detail: failure.detail)
        case "deadline-passed", "other-model": notScored(failure.detail)
        default:
            HTTPProblem(
                status: .internalServerError, slug: "damaged-job", title: "The job is damaged", detail: failure.detail)
        }
    }
}

extension HTTPField.Name {
    static let inferenceHeaderLength = HTTPField.Name("Inference-Header-Content-Length") ?? .contentLength
}
