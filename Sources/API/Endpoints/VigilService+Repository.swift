import HTTP
import HTTPTypes
import JSON
import Platform
import Scoring

/// `/v2/repository`: what is served and how it changes, as Triton's extension of the Open Inference Protocol has it.
extension VigilService {
    /// Each version that is served, and each name that is not.
    func listRepository(_ request: Request) async throws -> Response {
        let members = try await repositoryMembers(of: request, among: ["ready", "repository_name"])
        // There is one repository, whatever it is called.
        _ = try taken { () throws(OptionError) in try members["repository_name"]?.text() }
        let onlyReady = try taken { () throws(OptionError) in try members["ready"]?.flag() ?? false }
        let standings = await scoring.standings.filter { !onlyReady || $0.state.isReady }
        let body = JSONWriter.document { json in
            json.array(standings) { json, standing in
                json.object { json in
                    json.member("name", standing.name)
                    if let version = standing.version { json.member("version", version.knownSHA256) }
                    json.member("state", standing.state.isReady ? "READY" : "UNAVAILABLE")
                    if let reason = standing.toldReason(isDetailed: request.seesDetails) {
                        json.member("reason", reason)
                    }
                }
            }
        }
        return .json(body)
    }

    /// Reads a model's file anew, or gives its name another version, where the parameters say so.
    func loadInRepository(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let given = try await repositoryParameters(of: request, among: ModelWish.names)
        let wish = try taken { () throws(OptionError) in try ModelWish(given) }
        try await make(wish.load, for: request, note)
        return .json(Array("{}".utf8))
    }

    /// Serves a name no longer.
    func unloadInRepository(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        // No model here depends on another.
        _ = try await repositoryParameters(of: request, among: ["unload_dependents"])
        try await make(.unload, for: request, note)
        return .json(Array("{}".utf8))
    }

    /// The members of a request's JSON, if it has one.
    private func repositoryMembers(of request: Request, among names: [String]) async throws -> Parameters {
        try given(repositoryObject(try await request.body.collect(upTo: ModelWish.mostBytes)), among: names)
    }

    /// Its parameters.
    private func repositoryParameters(of request: Request, among names: [String]) async throws -> Parameters {
        let members = try repositoryObject(try await request.body.collect(upTo: ModelWish.mostBytes))
        if let other = members.first(where: { $0.name != "parameters" }) {
            throw Problem.option(OptionError(name: other.name, problem: "no such member: expected parameters"))
        }
        guard let parameters = members.first?.value else { return try given([], among: names) }
        guard case .object(let members) = parameters else {
            throw Problem.option(OptionError(name: "parameters", problem: "they are no object"))
        }
        return try given(members, among: names)
    }

    private func given(_ members: [JSONValue.Member], among names: [String]) throws(HTTPProblem) -> Parameters {
        try taken { () throws(OptionError) in
            try Parameters(members.map { Parameter($0.name, .json($0.value)) }, among: names)
        }
    }

    private func repositoryObject(_ body: [UInt8]) throws(HTTPProblem) -> [JSONValue.Member] {
        guard !body.isEmpty else { return [] }
        guard case .object(let members)? = try? JSONReader.parse(body) else {
            throw Problem.unreadable("The body is no JSON object: expected one, or nothing.")
        }
        return members
    }
}

extension ModelStanding.State {
    /// Whether requests for it are taken.
    fileprivate var isReady: Bool { self == .ready || self == .kept }
}
