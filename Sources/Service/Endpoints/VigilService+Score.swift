import Formats
import HTTP
import HTTPTypes
import Jobs
import Numerics
import VadCLIP

/// `POST /score`.
extension VigilService {
    /// Queues the features of a request; everything that can refuse it without its body does so before it is read.
    func score(_ request: Request) async throws -> Response {
        var options = try options(request.head.query.map { (name: $0.name, value: $0.value) })
        let format = try UploadReader.format(of: request.head)
        if !options.validateOnly { _ = try form(of: request.head) }
        let reservation = try await reserve(bytes: request.body.declaredLength ?? 0, place: !options.validateOnly)
        defer { reservation.cancel() }
        let reader = UploadReader(
            width: model.configuration.width, limits: ArrayLimits(maxElements: settings.maxBodyBytes))
        let upload = try await reader.read(request.body, as: format, reservation: reservation)
        if !upload.fields.isEmpty {
            options = try self.options(
                request.head.query.map { (name: $0.name, value: $0.value) } + upload.fields)
        }
        guard let matrix = upload.matrices.first, !upload.isBatch else {
            throw Problem.unreadable("The upload has \(upload.matrices.count) matrices: expected one.")
        }
        let check = FeatureCheck(width: model.configuration.width, fps: options.fps)
        let accepted: (features: Matrix, report: FeatureReport)
        do {
            accepted = try check.accept(matrix.array)
        } catch {
            throw matrix.problem(error)
        }
        if options.validateOnly { return .json(FeatureReportDocument(accepted.report).json) }
        let array = matrix.array
        let digest = FeatureDigest { array.digest }
        let job = try await submit(accepted.features, digest, accepted.report, options, reservation)
        // Computed here and now, while a worker scores: it takes as long as a hundredth of the scoring.
        _ = digest.text
        return try await answer(job, to: request)
    }

    private func options(_ pairs: [(name: String, value: String)]) throws(HTTPProblem) -> ScoreOptions {
        let options: ScoreOptions
        do { options = try ScoreOptions(pairs: pairs) } catch { throw Problem.option(error) }
        do { try model.check(labels: options.labels) } catch { throw Problem.labels(error) }
        return options
    }

    /// Keeps room for an upload before its body is read; `place` says that it will be a job.
    private func reserve(bytes: Int, place: Bool) async throws(HTTPProblem) -> Reservation {
        if place {
            do { try await backlog.checkStore() } catch { throw Problem.store(error) }
        }
        do { return try backlog.reserve(bytes: bytes, place: place) } catch { throw Problem.submit(error) }
    }

    private func submit(
        _ features: Matrix, _ digest: FeatureDigest, _ report: FeatureReport, _ options: ScoreOptions,
        _ reservation: Reservation
    ) async throws(HTTPProblem) -> Job {
        let labels = options.labels ?? model.classes.labels
        let new = NewJob(
            input: JobInput(
                features: features.values, rows: features.rows, width: features.columns, options: options.encoded),
            priority: options.priority, model: model.info.name, featuresSHA256: digest, warnings: report.warnings,
            parts: Chunks(snippets: features.rows, length: model.configuration.length).count,
            outputEstimate: 4 * features.rows * (1 + labels.count) + 2 * labels.reduce(0) { $0 + $1.utf8.count + 8 }
                + 1_024)
        do { return try await backlog.submit(new, using: reservation) } catch { throw Problem.submit(error) }
    }

    /// 202 with the job; or, where the client prefers to wait and the job ends in time, 200 with it finished.
    private func answer(_ job: Job, to request: Request) async throws -> Response {
        var fields: HTTPFields = [.location: "/jobs/\(job.id)"]
        var current = job
        if let seconds = PreferHeader(request.head.fields[.prefer]).wait {
            let wait = min(.seconds(seconds), settings.maxWait)
            fields[.preferenceApplied] = "wait=\(wait.components.seconds)"
            current = try await waited(job.id, wait) ?? job
        }
        guard current.status.isEnded else {
            if let seconds = current.estimatedSeconds {
                fields[.retryAfter] = String(max(1, Int(seconds.rounded(.up))))
            }
            return .json(JobDocument(job: current).json, status: .accepted, fields: fields)
        }
        var response = try await show(current, to: request.head)
        for field in fields { response.fields[field.name] = field.value }
        return response
    }

    /// The job once it has ended or the time is up; nil where it is unknown.
    func waited(_ id: JobID, _ time: Duration) async throws(HTTPProblem) -> Job? {
        do { return try await backlog.waitForEnd(id, timeout: time) } catch { throw Problem.store(error) }
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
