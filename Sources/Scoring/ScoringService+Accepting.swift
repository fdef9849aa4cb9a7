import Engine
import Formats
import Jobs
import Platform
import Tensors
import VadCLIP

/// A matrix that can be scored, with what was found out about it.
package struct AcceptedMatrix: Sendable {
    /// What tells it from others of its batch; alone its file's name, nil where none is known.
    package let name: String?
    package let features: Matrix
    package let report: FeatureReport
    package let digest: FeatureDigest
}

/// Accepting: what was sent is decoded as it comes, and looked at once.
extension ScoringService {
    /// What parameters ask of the models that they name, or of the default; throws what can't be taken.
    package func options(
        _ parameters: [Parameter]
    ) async throws(ScoringError) -> (options: ScoreOptions, versions: [ModelVersion]) {
        let options = try read(parameters)
        let versions = try await versions(options)
        for version in versions { try check(options, of: version) }
        return (options, versions)
    }

    /// What parameters ask of models that are known already; throws what can't be taken.
    package func options(
        _ parameters: [Parameter], of versions: [ModelVersion]
    ) throws(ScoringError) -> ScoreOptions {
        let options = try read(parameters)
        for version in versions { try check(options, of: version) }
        return options
    }

    /// The same of one model.
    package func options(
        _ parameters: [Parameter], of version: ModelVersion
    ) throws(ScoringError) -> ScoreOptions {
        try options(parameters, of: [version])
    }

    private func read(_ parameters: [Parameter]) throws(ScoringError) -> ScoreOptions {
        let options: ScoreOptions
        do throws(OptionError) { options = try ScoreOptions(parameters) } catch { throw .parameter(error) }
        try checkCallback(of: options)
        return options
    }

    /// Throws where the client's address for callbacks can't be called.
    func checkCallback(of options: ScoreOptions) throws(ScoringError) {
        do throws(OptionError) { _ = try options.callback.map(address) } catch { throw .parameter(error) }
    }

    /// Throws where a model can't be asked so.
    func check(_ options: ScoreOptions, of version: ModelVersion) throws(ScoringError) {
        do { try version.model.check(labels: options.labels, called: version.name) } catch { throw .labels(error) }
    }

    /// The models of these names, or the default where there are none. One upload is for all of them, so they take the same
    /// features.
    private func versions(_ options: ScoreOptions) async throws(ScoringError) -> [ModelVersion] {
        var versions = options.models.isEmpty ? [models.default] : []
        for name in options.models + (options.compare.map { [$0] } ?? []) {
            let version: ModelVersion
            do { version = try await models.find(name) } catch { throw .model(error) }
            guard !versions.contains(where: { $0 === version }) else {
                throw .parameter(
                    OptionError(
                        name: options.compare == nil ? "model" : "compare",
                        problem: "\(quoted(name)) is there twice: expected each model once"))
            }
            versions.append(version)
        }
        let first = versions[0]
        if options.compare != nil, let other = versions.last, await other.sha256.hasBytes(of: first.sha256) {
            throw .parameter(
                OptionError(
                    name: "compare",
                    problem: "'\(other.name)' is the same file as '\(first.name)': expected another model"))
        }
        let width = first.model.configuration.width
        if let other = versions.first(where: { $0.model.configuration.width != width }) {
            throw .parameter(
                OptionError(
                    name: "model",
                    problem: "'\(first.name)' takes features \(width) wide, '\(other.name)' "
                        + "\(other.model.configuration.width): expected models that take the same"))
        }
        return versions
    }

    /// The one form that a client's address is kept in.
    private func address(_ callback: String) throws(OptionError) -> String {
        guard let address = settings.callbackAddress else {
            throw OptionError(
                name: "callback", problem: "callbacks are off here; an operator allows hosts by --callback-hosts")
        }
        return try address(callback)
    }

    /// What is to be said of what was asked, whatever the features are like: a warning of each job.
    func notes(on options: ScoreOptions) -> [String] {
        var notes = options.labels.flatMap { LabelList.warning(of: $0) }.map { [$0] } ?? []
        if options.camera != nil, settings.alerts.isEmpty {
            notes.append(
                "nobody is told of the camera: alerts are off here; an operator names places by --alerts-webhook, "
                    + "--alerts-mqtt or --alerts-frigate")
        }
        return notes
    }

    /// The models that take rows of the width that was found wrong.
    func models(fitting error: FeatureError) -> [String] {
        guard case .wrongWidth(let width, _) = error else { return [] }
        return models.names.filter { models.current($0)?.model.configuration.width == width }
    }

    /// Keeps room for an upload before its body is read, and waits until the body may be.
    ///
    /// - Parameters:
    ///   - bytes: how many are said to come
    ///   - elsewhere: how many more are said to come that are not held in memory
    ///   - place: whether it will be a job
    ///   - mayBeKnown: whether it may have come before, and then counts against no quota: only its body tells
    ///   - interrupt: ends the body where it comes too slowly and others need the room
    package func reserve(
        bytes: Int, elsewhere: Int = 0, place: Bool, mayBeKnown: Bool, caller: Caller,
        interrupt: @escaping @Sendable () -> Void
    ) async throws(ScoringError) -> Reservation {
        if place {
            do throws(JobStoreError) {
                try await backlog.checkStoreTakes()
                if !mayBeKnown, let account = caller.account {
                    try await backlog.checkQuota(of: account, bytes: elsewhere)
                }
            } catch { throw .store(error) }
        }
        do {
            return try backlog.reserve(bytes: bytes, place: place, client: caller.client, interrupt: interrupt)
        } catch {
            throw .refused(error)
        }
    }

    /// Reads an upload's body for a model, within what `reservation` holds and lets it grow to.
    ///
    /// - Parameters:
    ///   - pieces: the body in pieces, as they come
    ///   - declaredLength: how many bytes are said to come, where that is known and reserved
    ///   - models: how many jobs of its caller's each matrix will be
    package func read<Pieces: AsyncSequence>(
        _ pieces: Pieces, declaredLength: Int?, as body: UploadBody, for version: ModelVersion,
        caller: Caller = Caller(client: ""), models: Int = 0, reservation: Reservation
    ) async throws(ScoringError) -> Upload where Pieces.Element == [UInt8] {
        let share = backlog.limits.share(of: caller.client).jobs
        let mostOfCaller = models > 0 ? max(share / models, 1) : .max
        let reader = UploadReader(
            width: version.model.configuration.width,
            limits: ArrayLimits(maxElements: settings.maxBodyBytes, maxMatrices: min(maxMatrices, mostOfCaller)),
            maxBytes: settings.videos == nil ? nil : settings.maxBodyBytes,
            videos: settings.videos.map { intake in
                VideoOffer(
                    intake: intake, version: version, client: caller.client,
                    isSpared: backlog.limits.spares(caller.client))
            })
        do throws(ScoringError) {
            return try await reader.read(pieces, declaredLength: declaredLength, as: body, reservation: reservation)
        } catch {
            guard mostOfCaller < maxMatrices, case .content(let fault) = error, fault.kind == .tooMany else {
                throw error
            }
            throw .refused(.beyondShare(limit: share))
        }
    }

    /// Matrices that a batch may have: as many as jobs may wait, and no more than are held in memory with ease.
    var maxMatrices: Int { min(backlog.limits.maxJobs, Self.mostMatrices) }

    /// Matrices of a batch where more jobs than these may wait.
    package static let mostMatrices = 100_000

    /// Throws where a batch, of what a word says, is given a name.
    static func checkName(_ upload: Upload, _ options: ScoreOptions, what: String) throws(ScoringError) {
        guard upload.isBatch, let name = options.name else { return }
        throw .parameter(
            OptionError(
                name: "name",
                problem:
                    "\(quoted(name)) would be that of each job of a batch, whose jobs are called after their files: "
                    + "expected it with one \(what) alone"))
    }

    /// Looks at each matrix; throws what can't be scored, by name.
    package func accept(
        _ upload: Upload, _ options: ScoreOptions, for version: ModelVersion
    ) async throws(ScoringError) -> [AcceptedMatrix] {
        if let name = options.ofVideo {
            throw .parameter(
                OptionError(name: name, problem: "given with features: it is about videos alone"))
        }
        try Self.checkName(upload, options, what: "matrix")
        let check = FeatureCheck(width: version.model.configuration.width, fps: options.fps)
        let notes = notes(on: options)
        var accepted: [AcceptedMatrix] = []
        for matrix in upload.matrices {
            let array = try await cropped(matrix, options.crop)
            let outcome = await LongWork.run(if: array.values.count > LongWork.few) {
                Result { () throws(FeatureError) in try check.accept(array) }
            }
            do throws(FeatureError) {
                var (features, report) = try outcome.get()
                report.warnings = notes + matrix.notes + report.warnings
                accepted.append(
                    AcceptedMatrix(
                        name: matrix.name, features: features, report: report,
                        digest: FeatureDigest { array.digest }))
            } catch {
                throw .features(error, file: matrix.file ?? matrix.name, models: models(fitting: error))
            }
        }
        return accepted
    }

    /// The matrix, or that of its crop which is asked for.
    private func cropped(_ matrix: NamedMatrix, _ crop: CropChoice?) async throws(ScoringError) -> DecodedArray {
        let array = matrix.array
        guard let crop, array.shape.count == 3 else { return array }
        let outcome = await LongWork.run(if: array.values.count > LongWork.few) {
            Result { () throws(OptionError) in try crop.rows(of: array) }
        }
        do throws(OptionError) { return try outcome.get() } catch {
            let file = (matrix.file ?? matrix.name).map { " of \(quoted($0))" } ?? ""
            throw .parameter(OptionError(name: error.name, problem: "\(error.problem)\(file)"))
        }
    }
}

extension FeatureCheck {
    /// The decoded array as features with their report; throws what can't be scored.
    public func accept(_ array: DecodedArray) throws(FeatureError) -> (features: Matrix, report: FeatureReport) {
        try accept(
            shape: array.shape, values: array.values, elementType: array.elementType.rawValue,
            order: array.order == .rowMajor ? "C" : "Fortran", isTypeAssumed: array.isTypeAssumed)
    }
}
