import Engine
import HTTP
import HTTPTypes
import JSON
import Logging
import Platform
import Scoring
import VadCLIP

/// `/v1/models` and `/openapi.yaml`: what is served, and how to speak to it.
extension VigilService {
    func showModels(_ request: Request) async throws -> Response {
        try checkTakesJSON(request.head, "A list of models")
        return await listModels(detailed: request.seesDetails)
    }

    /// - Parameter detailed: whether the client may see what is wrong with files of this machine
    func listModels(detailed: Bool = true) async -> Response {
        let standings = await scoring.standings
        let body = JSONWriter.document { json in
            json.object { json in
                json.key("models")
                json.array(standings) { ModelDocument(standing: $1, isDetailed: detailed).write(to: &$0) }
            }
        }
        return .json(body)
    }

    /// Reads a model's file anew, or gives its name an earlier version again.
    func loadModel(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let wish = try await wish(of: request, among: ModelWish.names)
        return await answer(try await make(wish.load, for: request, note))
    }

    /// Serves a name no longer.
    func unloadModel(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        _ = try await wish(of: request, among: [])
        return await answer(try await make(.unload, for: request, note))
    }

    /// Gives a name the version again that it had before.
    func rollBackModel(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        _ = try await wish(of: request, among: [])
        return await answer(try await make(.rollBack, for: request, note))
    }

    /// Does what a client asks of what is served by the name in the path, and tells both logs of it: what follows from it is seen
    /// in the server's too.
    ///
    /// - Returns: the name
    @discardableResult
    func make(_ change: ModelChange, for request: Request, _ note: AuditNote?) async throws -> String {
        let name = request.pathParameters["name"] ?? ""
        let logger = scoring.backlog.logger
        var fields: Logger.Metadata = [
            "change": "\(change.word)", "model": "\(name.prefix(100))", "request": "\(request.id)",
            "client": "\(request.client)",
        ]
        let version: ModelVersion?
        do throws(ScoringError) { version = try await scoring.make(change, of: name) } catch {
            fields["error"] = "\(error)"
            logger.warning("what is served stays, though a client wanted another", metadata: fields)
            throw error
        }
        let sha256 = await version?.sha256
        if let sha256 { fields["sha256"] = "\(sha256)" }
        logger.notice("a client has changed what is served", metadata: fields)
        try await note?.record(name, sha256, status: .ok, outcome: change.outcome)
        return name
    }

    private func wish(of request: Request, among names: [String]) async throws -> ModelWish {
        _ = try parameters(of: request, among: [])
        let body = try await request.body.collect(upTo: ModelWish.mostBytes)
        return try taken { () throws(OptionError) in try ModelWish(body, among: names) }
    }

    /// The name as it stands now.
    private func answer(_ name: String) async -> Response {
        let standings = await scoring.standings.filter { $0.name.hasBytes(of: name) }
        // What only does its jobs says nothing of the name.
        let standing = standings.first { $0.state != .retiring } ?? standings.first
        return .json(standing.map { ModelDocument(standing: $0).json } ?? [])
    }

    func description() -> Response {
        Response(status: .ok, fields: [.contentType: "application/yaml"], body: .bytes(openAPI))
    }
}

extension ModelStanding {
    /// What those are told who may not see more.
    static let told = "its file can't be used; the server's log says why"

    /// Why it is not served, or not what its file has: with paths for those alone who may see how the server is set up.
    func toldReason(isDetailed: Bool) -> String? {
        guard reason != nil, !isDetailed, state != .unloaded else { return reason }
        return Self.told
    }
}

extension CanaryStanding {
    /// What those are told who may not see more, where jobs are what it can't score.
    static let told = "it can't score jobs of this model; the server's log says why"

    /// What is wrong with it: with paths for those alone who may see how the server is set up.
    func toldReason(isDetailed: Bool) -> String? {
        guard let fault, !isDetailed else { return reason }
        return if case .file = fault { ModelStanding.told } else { Self.told }
    }
}

/// A model as it stands, as JSON.
struct ModelDocument {
    let standing: ModelStanding
    var isDetailed = true

    /// The model object.
    var json: [UInt8] { JSONWriter.document { write(to: &$0) } }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("name", standing.name)
            json.member("state", standing.state.rawValue)
            json.member("default", standing.isDefault)
            if standing.isUntilRestart { json.member("until_restart", true) }
            if let reason = standing.toldReason(isDetailed: isDetailed) { json.member("reason", reason) }
            if let version = standing.version { write(version, to: &json) }
            if let canary = standing.canary {
                json.key("canary")
                write(canary, to: &json)
            }
        }
    }

    private func write(_ version: ModelVersion, to json: inout JSONWriter) {
        let (info, configuration) = (version.model.info, version.model.configuration)
        json.member("family", configuration.kind.family.name)
        json.member("labels", configuration.labels)
        json.member("window", configuration.window)
        json.member("length", configuration.length)
        json.member("width", configuration.width)
        json.member("parameters", info.parameters)
        json.member("sha256", version.knownSHA256)
        json.member("source_sha256", info.sourceSHA256)
        json.member("compute", version.model.kernels.compute.rawValue)
        json.member("trained", info.trained)
        if let caveat = info.caveat { json.member("caveat", caveat) }
        json.member("loaded_at", version.loadedAt.description)
        json.member("jobs_waiting", standing.waitingJobs)
    }

    private func write(_ canary: CanaryStanding, to json: inout JSONWriter) {
        json.object { json in
            json.member("state", canary.state.rawValue)
            json.member("share", canary.share)
            if let sha256 = canary.sha256 { json.member("sha256", sha256) }
            if let reason = canary.toldReason(isDetailed: isDetailed) { json.member("reason", reason) }
            let tally = canary.tally
            json.member("jobs", tally.jobs)
            json.member("passed_over", tally.passedOver)
            json.member("failed", tally.failed)
            json.member("snippets", tally.snippets)
            json.member("mean", tally.mean)
            json.member("largest", tally.largest)
            json.key("changed")
            json.array(zip(Canary.steps, tally.changed)) { json, step in
                json.object { json in
                    json.member("by", step.0)
                    json.member("snippets", step.1)
                }
            }
            json.member("segments_lost", tally.lost)
            json.member("segments_gained", tally.gained)
        }
    }
}

/// What the body of a request asks to be loaded; nothing in particular where it is empty.
struct ModelWish {
    static let names = ["file", "version"]
    /// Bytes that such a body may have.
    static let mostBytes = 4_096

    /// The name of a file in the folder of models.
    var file: String?
    /// The first digits of a version's SHA-256.
    var version: String?

    /// What it says as a change of what is served.
    var load: ModelChange { .load(file: file, version: version) }

    init(_ body: [UInt8], among names: [String]) throws(OptionError) {
        var members: [JSONValue.Member] = []
        if !body.isEmpty {
            guard case .object(let found)? = try? JSONReader.parse(body) else {
                throw OptionError(name: "body", problem: "it is no JSON object: expected one, or nothing")
            }
            members = found
        }
        try self.init(try Parameters(members.map { Parameter($0.name, .json($0.value)) }, among: names))
    }

    init(_ given: Parameters) throws(OptionError) {
        if let value = given["file"] { file = try value.text() }
        if let value = given["version"] { version = try value.text() }
        guard file == nil || version == nil else {
            throw OptionError(name: "version", problem: "given beside file: expected one of them")
        }
    }
}

extension ModelChange {
    /// What the log calls it.
    fileprivate var word: String {
        switch self {
        case .load: "load"
        case .rollBack: "rollback"
        case .unload: "unload"
        }
    }

    /// What the audit log says once it is done.
    fileprivate var outcome: String {
        switch self {
        case .load: "loaded"
        case .rollBack: "rolled-back"
        case .unload: "unloaded"
        }
    }
}
