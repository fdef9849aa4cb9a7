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
        let (name, wish) = try await wish(of: request)
        let version = try await told("load", name, request) {
            try await scoring.load(name, from: wish.file, version: wish.version)
        }
        try await note?.record(name, version.knownSHA256, status: .ok, outcome: "loaded")
        return await answer(name)
    }

    /// Serves a name no longer.
    func unloadModel(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let (name, _) = try await wish(of: request, among: [])
        try await told("unload", name, request) { try await scoring.unload(name) }
        try await note?.record(name, nil, status: .ok, outcome: "unloaded")
        return await answer(name)
    }

    /// Gives a name the version again that it had before.
    func rollBackModel(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let (name, _) = try await wish(of: request, among: [])
        let version = try await told("rollback", name, request) { try await scoring.rollBack(name) }
        try await note?.record(name, version.knownSHA256, status: .ok, outcome: "rolled-back")
        return await answer(name)
    }

    /// Does what a client asks of what is served, and tells the log of it: what follows from it is seen there too.
    func told<Value>(
        _ change: String, _ name: String, _ request: Request, _ body: () async throws -> Value
    ) async throws -> Value {
        let logger = scoring.backlog.logger
        var fields: Logger.Metadata = [
            "change": "\(change)", "model": "\(name.prefix(100))", "request": "\(request.id)",
            "client": "\(request.client)",
        ]
        do {
            let value = try await body()
            if let version = value as? ModelVersion { fields["sha256"] = "\(await version.sha256)" }
            logger.notice("a client has changed what is served", metadata: fields)
            return value
        } catch {
            fields["error"] = "\(error)"
            logger.warning("what is served stays, though a client wanted another", metadata: fields)
            throw error
        }
    }

    private func wish(
        of request: Request, among names: [String] = ModelWish.names
    ) async throws -> (name: String, wish: ModelWish) {
        _ = try parameters(of: request, among: [])
        let body = try await request.body.collect(upTo: ModelWish.mostBytes)
        let wish = try taken { () throws(OptionError) in try ModelWish(body, among: names) }
        return (request.pathParameters["name"] ?? "", wish)
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
    /// Why it is not served, or not what its file has: with paths for those alone who may see how the server is set up.
    func toldReason(isDetailed: Bool) -> String? {
        guard reason != nil, !isDetailed, state != .unloaded else { return reason }
        return "its file can't be used; the server's log says why"
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
            if let reason = standing.toldReason(isDetailed: isDetailed) { json.member("reason", reason) }
            if let version = standing.version { write(version, to: &json) }
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

    init(_ body: [UInt8], among names: [String]) throws(OptionError) {
        guard !body.isEmpty else { return }
        guard case .object(let members)? = try? JSONReader.parse(body) else {
            throw OptionError(name: "body", problem: "it is no JSON object: expected one, or nothing")
        }
        let given = try Parameters(members.map { Parameter($0.name, .json($0.value)) }, among: names)
        if let value = given["file"] { file = try value.text() }
        if let value = given["version"] { version = try value.text() }
        guard file == nil || version == nil else {
            throw OptionError(name: "version", problem: "given beside file: expected one of them")
        }
    }
}
