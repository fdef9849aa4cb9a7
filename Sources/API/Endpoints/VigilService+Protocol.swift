import Engine
import Formats
import HTTP
import HTTPTypes
import JSON
import Jobs
import Scoring

/// `/v2`, its health and its models: what clients of the Open Inference Protocol ask before they send anything.
extension VigilService {
    /// What of the protocol is spoken beyond what it asks for.
    private static let extensions = ["binary_tensor_data", "model_repository", "schedule_policy"]

    func describeProtocol() -> Response {
        .json(
            JSONWriter.document { json in
                json.object { json in
                    json.member("name", "vigil")
                    json.member("version", Vigil.version)
                    json.member("extensions", Self.extensions)
                }
            })
    }

    /// As `/livez`, in the protocol's words.
    func liveForInference() -> Response { probe("live", live(detailed: false), "The process can't do its work.") }

    /// As `/readyz`, in the protocol's words.
    func readyForInference() async -> Response {
        probe("ready", await ready(detailed: false), "The service is not ready: /readyz tells more.")
    }

    private func probe(_ name: String, _ answer: Response, _ error: String) -> Response {
        let isFine = answer.status == .ok
        return .json(
            JSONWriter.document { json in
                json.object { json in
                    json.member(name, isFine)
                    if !isFine { json.member("error", error) }
                }
            }, status: answer.status, fields: answer.fields)
    }

    /// Whether requests for a model are taken; one that is known and not served is there, and not ready.
    func modelReadyForInference(_ request: Request) async throws -> Response {
        let server = await ready(detailed: false)
        var fault = server.status == .ok ? nil : "The service is not ready: /readyz tells more."
        var name = request.pathParameters["name"] ?? ""
        do throws(HTTPProblem) { name = try await inferredModel(of: request).name } catch {
            let isOfName = request.pathParameters["version"] == nil
            let absent = await scoring.standings.first { $0.version == nil && $0.name.hasBytes(of: name) }
            guard isOfName, let absent else { throw error }
            fault = absent.toldReason(isDetailed: request.seesDetails) ?? "It is not loaded."
        }
        let body = JSONWriter.document { json in
            json.object { json in
                json.member("name", name)
                json.member("ready", fault == nil)
                if let fault { json.member("error", fault) }
            }
        }
        var fields: HTTPFields = [.cacheControl: "no-store"]
        if fault != nil { fields[.retryAfter] = "5" }
        return .json(body, status: fault == nil ? .ok : .serviceUnavailable, fields: fields)
    }

    func describeModelForInference(_ request: Request) async throws -> Response {
        let version = try await inferredModel(of: request)
        var versions: [String] = []
        for other in scoring.models.all where other.name.hasBytes(of: version.name) {
            versions.append(await other.sha256)
        }
        let configuration = version.model.configuration
        return .json(
            JSONWriter.document { json in
                json.object { json in
                    json.member("name", version.name)
                    json.member("versions", versions)
                    json.member("platform", "vigil_safetensors")
                    json.key("inputs")
                    json.array(TensorUpload.inputs) { json, input in
                        let shape = input.name == "features" ? [-1, configuration.width] : [-1]
                        Self.write(input.name, input.types[0].inferenceName, shape, to: &json)
                    }
                    json.key("outputs")
                    json.array(InferenceOutputName.allCases) { json, output in
                        let shape =
                            output.isOfClasses
                            ? [-1, configuration.labels.count]
                            : [output == .labels ? configuration.labels.count : -1]
                        Self.write(output.rawValue, output.datatype, shape, to: &json)
                    }
                }
            })
    }

    private static func write(_ name: String, _ datatype: String, _ shape: [Int], to json: inout JSONWriter) {
        json.object { json in
            json.member("name", name)
            json.member("datatype", datatype)
            json.key("shape")
            json.array(shape) { $0.number($1) }
        }
    }

    /// The version of a model that a path names.
    func inferredModel(of request: Request) async throws(HTTPProblem) -> ModelVersion {
        let name = request.pathParameters["name"] ?? ""
        let digits = request.pathParameters["version"].map { "@\($0)" } ?? ""
        do { return try await scoring.models.find(name + digits) } catch { throw Problem.of(.model(error)) }
    }
}
