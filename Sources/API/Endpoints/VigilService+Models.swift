import Engine
import HTTP
import HTTPTypes
import JSON
import Scoring
import VadCLIP

/// `/v1/models` and `/openapi.yaml`: what is served, and how to speak to it.
extension VigilService {
    func listModels() async -> Response {
        var served: [(version: ModelVersion, sha256: String)] = []
        for version in scoring.models.all { served.append((version, await version.sha256)) }
        let body = JSONWriter.document { json in
            json.object { json in
                json.key("models")
                json.array(served) { json, served in
                    let (info, configuration) = (served.version.model.info, served.version.model.configuration)
                    json.object { json in
                        json.member("name", served.version.name)
                        json.member("family", configuration.kind.family.name)
                        json.member("labels", configuration.labels)
                        json.member("window", configuration.window)
                        json.member("length", configuration.length)
                        json.member("width", configuration.width)
                        json.member("parameters", info.parameters)
                        json.member("sha256", served.sha256)
                        json.member("source_sha256", info.sourceSHA256)
                        json.member("trained", info.trained)
                        if let caveat = info.caveat { json.member("caveat", caveat) }
                    }
                }
            }
        }
        return .json(body)
    }

    func description() -> Response {
        Response(status: .ok, fields: [.contentType: "application/yaml"], body: .bytes(openAPI))
    }
}
