import Dispatch
import Engine
import Formats
import HTTP
import HTTPTypes
import JSON
import Jobs
import Numerics
import VadCLIP

/// `POST /score`.
extension VigilService {
    /// A matrix that can be scored, with what was found out about it.
    struct AcceptedMatrix: Sendable {
        let name: String?
        let features: Matrix
        let report: FeatureReport
        let digest: FeatureDigest
    }

    /// Queues the features of a request; everything that can refuse it without its body does so before it is read.
    func score(_ request: Request) async throws -> Response {
        _ = try Preconditions(request.head.fields).check(.post, on: nil)
        // One version for all of the request, though another may come meanwhile.
        let version = models.default
        let given = request.head.query.map { Parameter($0) } + Self.fields(of: request.head)
        var options = try options(given, of: version)
        let key = try IdempotencyField.read(request.head.fields)
        let format = try UploadReader.format(of: request.head)
        if options.validateOnly {
            try checkTakesJSON(request.head, "A report")
        } else {
            _ = try form(of: request.head)
        }
        let client = request.client.description
        let reservation = try await reserve(for: request.body, place: !options.validateOnly, client: client)
        defer { reservation.cancel() }
        await reservation.ready()
        let reader = UploadReader(
            width: version.model.configuration.width,
            limits: ArrayLimits(maxElements: settings.maxBodyBytes, maxMatrices: maxMatrices))
        let upload = try await reader.read(request.body, as: format, reservation: reservation)
        if !upload.parameters.isEmpty { options = try self.options(given + upload.parameters, of: version) }
        if options.validateOnly || upload.isBatch {
            try checkTakesJSON(request.head, options.validateOnly ? "A report" : "A batch")
        }
        let matrices = try accept(upload, options, for: version)
        if options.validateOnly {
            var answer = report(on: matrices, isBatch: upload.isBatch)
            // Nobody has to wait for it, but a wish that can't be read is told as elsewhere.
            _ = preferredWait(of: request.head, &answer.fields)
            return answer
        }
        let isDigestAsked = key != nil || settings.reusesResults
        if isDigestAsked { await Self.digest(matrices) }
        let submission = try submission(
            matrices, isBatch: upload.isBatch, options, client: client, key: key,
            model: ModelID(name: version.name, sha256: await version.sha256), version)
        let receipt: Receipt
        do { receipt = try await backlog.submit(submission, using: reservation) } catch { throw Problem.submit(error) }
        // Computed here and now, while a worker scores: it takes as long as a hundredth of the scoring.
        if !isDigestAsked { await Self.digest(matrices) }
        return try await answer(receipt, to: request)
    }

    private static let digests = DispatchQueue(label: "vigil.digests", attributes: .concurrent)

    /// Computes the digests of matrices: of large ones on a thread of its own, since Swift's are few.
    private static func digest(_ matrices: [AcceptedMatrix]) async {
        let values = matrices.reduce(0) { $0 + $1.features.rows * $1.features.columns }
        guard values > 64 << 10 else {
            for matrix in matrices { _ = matrix.digest.text }
            return
        }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            digests.async {
                for matrix in matrices { _ = matrix.digest.text }
                continuation.resume()
            }
        }
    }

    /// A parameter that can be given as a field too.
    private static func fields(of head: RequestHead) -> [Parameter] {
        head.fields[.deadline].map { [Parameter("deadline", .text($0))] } ?? []
    }

    /// Matrices that a batch may have: as many as jobs may wait, and no more than are held in memory with ease.
    private var maxMatrices: Int { min(backlog.limits.maxJobs, Self.mostMatrices) }

    /// Matrices of a batch where more jobs than these may wait.
    static let mostMatrices = 100_000

    private func options(
        _ parameters: [Parameter], of version: ModelVersion
    ) throws(HTTPProblem) -> ScoreOptions {
        let options = try taken { () throws(OptionError) in try ScoreOptions(parameters) }
        do { try version.model.check(labels: options.labels) } catch { throw Problem.labels(error) }
        if let callback = options.callback { try check(callback: callback) }
        return options
    }

    /// Keeps room for an upload before its body is read; `place` says that it will be a job.
    private func reserve(
        for body: RequestBody, place: Bool, client: String
    ) async throws(HTTPProblem) -> Reservation {
        if place {
            do { try await backlog.checkStoreTakes() } catch { throw Problem.store(error) }
        }
        do {
            return try backlog.reserve(
                bytes: body.declaredLength ?? 0, place: place, client: client, interrupt: { body.giveUp() })
        } catch {
            throw Problem.submit(error)
        }
    }

    /// Looks at each matrix; throws what can't be scored, by name.
    private func accept(
        _ upload: Upload, _ options: ScoreOptions, for version: ModelVersion
    ) throws(HTTPProblem) -> [AcceptedMatrix] {
        let check = FeatureCheck(width: version.model.configuration.width, fps: options.fps)
        let notes = options.labels.flatMap { LabelList.warning(of: $0) }.map { [$0] } ?? []
        var accepted: [AcceptedMatrix] = []
        for matrix in upload.matrices {
            do throws(FeatureError) {
                var (features, report) = try check.accept(matrix.array)
                report.warnings = notes + matrix.notes + report.warnings
                let array = matrix.array
                accepted.append(
                    AcceptedMatrix(
                        name: matrix.name, features: features, report: report,
                        digest: FeatureDigest { array.digest }))
            } catch {
                throw matrix.problem(error)
            }
        }
        return accepted
    }

    private func report(on matrices: [AcceptedMatrix], isBatch: Bool) -> Response {
        guard isBatch || matrices.count != 1 else { return .json(FeatureReportDocument(matrices[0].report).json) }
        let body = JSONWriter.document { json in
            json.object { json in
                json.key("reports")
                json.array(matrices[...]) { json, matrix in
                    FeatureReportDocument(matrix.report).write(to: &json, name: matrix.name)
                }
            }
        }
        return .json(body)
    }

    /// The jobs of an upload.
    private func submission(
        _ matrices: [AcceptedMatrix], isBatch: Bool, _ options: ScoreOptions, client: String, key: String?,
        model: ModelID, _ version: ModelVersion
    ) throws(HTTPProblem) -> Submission {
        let encoded = options.encoded
        let labels = options.labels ?? version.model.classes.labels
        let deadline = options.deadline?.duration(from: backlog.wall)
        let jobs = matrices.map { matrix in
            let features = matrix.features
            var new = NewJob.score(
                features.values,
                ScoreSubject(
                    snippets: features.rows, width: features.columns, digest: matrix.digest,
                    warnings: matrix.report.warnings, options: encoded),
                priority: options.priority, client: client, by: model,
                parts: Chunks(snippets: features.rows, length: version.model.configuration.length).count,
                outputEstimate: 4 * features.rows * (1 + labels.count)
                    + 2 * labels.reduce(0) { $0 + $1.utf8.count + 8 } + 1_024)
            new.name = isBatch ? matrix.name : options.name ?? matrix.name
            new.deadline = deadline
            new.callback = options.callback.map(CallbackDelivery.canonical)
            if settings.reusesResults {
                new.reuseKey = Digest.of([model.sha256 ?? "", matrix.digest.text, Digest.of(encoded)])
            }
            return new
        }
        var submission = Submission(batch: jobs)
        submission.isBatch = isBatch
        submission.key = key.map { text in
            // The model is no part of it: who asks again, not knowing whether it had been accepted, shall not have two jobs
            // because another model has come meanwhile.
            let parts = matrices.flatMap { [$0.name ?? "", $0.digest.text] }
            let asked = [
                Digest.of(encoded), options.priority.name, "\(options.deadline.map { "\($0)" } ?? "")",
                options.callback ?? "", options.name ?? "", isBatch ? "batch" : "job",
            ]
            return IdempotencyKey(client: client, text: text, fingerprint: Digest.of(asked + parts))
        }
        return submission
    }
}

extension HTTPField.Name {
    static let prefer = HTTPField.Name("Prefer") ?? .accept
    static let preferenceApplied = HTTPField.Name("Preference-Applied") ?? .accept
    static let serverTiming = HTTPField.Name("Server-Timing") ?? .accept
}

extension Response {
    /// An answer in JSON.
    static func json(
        _ bytes: [UInt8], status: HTTPResponse.Status = .ok, fields: HTTPFields = [:]
    ) -> Response {
        var fields = fields
        fields[.contentType] = "application/json"
        return Response(status: status, fields: fields, body: .bytes(bytes))
    }
}
