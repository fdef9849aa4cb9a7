import HTTP
import HTTPTypes
import Jobs
import Platform
import TestSupport
import Testing

@testable import API
@testable import Scoring

@Suite("The Open Inference Protocol", .timeLimit(.minutes(10)))
struct InferenceTests {
    @Test("the server, its health and its models are described as the protocol says")
    func metadata() async throws {
        let vigil = try InferenceService()
        let server = await vigil.ask(.get, "/v2")
        #expect(server.json["name"] as? String == "vigil" && server.json["version"] as? String == Vigil.version)
        #expect((server.json["extensions"] as? [String])?.contains("binary_tensor_data") == true)
        #expect(await vigil.ask(.get, "/v2/health/live").text == #"{"live":true}"#)
        #expect(await vigil.ask(.get, "/v2/health/ready").text == #"{"ready":true}"#)
        let sha256 = await vigil.service.scoring.models.default.sha256
        let model = await vigil.ask(.get, "/v2/models/\(vigil.name)")
        #expect(model.json["name"] as? String == vigil.name && model.json["versions"] as? [String] == [sha256])
        let inputs = try #require(model.json["inputs"] as? [[String: Any]])
        #expect(inputs.map { $0["name"] as? String } == ["features", "lengths"])
        #expect(inputs[0]["shape"] as? [Int] == [-1, InferenceService.width])
        let outputs = try #require(model.json["outputs"] as? [[String: Any]])
        #expect(outputs.map { $0["name"] as? String } == InferenceOutputName.allCases.map(\.rawValue))
        #expect(outputs[1]["shape"] as? [Int] == [-1, 3] && outputs[1]["datatype"] as? String == "FP32")
        for path in ["/v2/models/\(vigil.name)/ready", "/v2/models/\(vigil.name)/versions/\(sha256.prefix(8))/ready"] {
            #expect(await vigil.ask(.get, path).text == "{\"name\":\"\(vigil.name)\",\"ready\":true}")
        }
        let version = await vigil.ask(.get, "/v2/models/\(vigil.name)/versions/\(sha256)")
        #expect(version.text == model.text)
    }

    @Test("a server that leaves is alive and not ready, and takes nothing more")
    func draining() async throws {
        let vigil = try InferenceService()
        vigil.service.scoring.stopAccepting()
        #expect(await vigil.ask(.get, "/v2/health/live").status == 200)
        let ready = await vigil.ask(.get, "/v2/health/ready")
        #expect(ready.status == 503 && ready.json["ready"] as? Bool == false && ready.error != nil)
        #expect(await vigil.ask(.get, "/v2/models/\(vigil.name)/ready").status == 503)
        let answer = await vigil.infer(
            "{\"inputs\": [\(InferenceService.input(Array(repeating: 1, count: 16), [1, 16]))]}")
        #expect(answer.status == 503 && answer.error?.contains("shutting down") == true)
    }

    @Test("JSON tensors are scored to the bit as /score has it, flat or nested, and the id comes back")
    func json() async throws {
        let vigil = try InferenceService()
        let values = InferenceService.features(1, rows: 20)
        let expected = try await vigil.score(values, rows: 20)
        let answer = await vigil.infer(
            "{\"id\": \"42\", \"inputs\": [\(InferenceService.input(values, [20, 16]))]}")
        #expect(answer.status == 200 && answer.json["id"] as? String == "42", "\(answer.text.prefix(300))")
        #expect(answer.json["model_name"] as? String == vigil.name)
        #expect(answer.json["model_version"] as? String == expected.result.modelSHA256)
        #expect(answer.outputs.map { $0["name"] as? String } == ["coarse", "fine"])
        #expect(answer.numbers("coarse") == expected.scored.scores.coarse && answer.shape("coarse") == [20])
        #expect(answer.numbers("fine") == expected.scored.scores.fine && answer.shape("fine") == [20, 3])
        let parameters = answer.json["parameters"] as? [String: Any]
        #expect(parameters?["features_sha256"] as? String == expected.result.featuresSHA256)
        #expect(parameters?["untrained"] as? Bool == true)

        let rows = stride(from: 0, to: values.count, by: 16).map { "\(Array(values[$0..<$0 + 16]))" }
        let nested = await vigil.infer(
            """
            {"inputs": [{"data": [\(rows.joined(separator: ","))], "datatype": "FP32", "shape": [20, 16],
             "name": "features"}], "outputs": [{"name": "fine_logits"}, {"name": "coarse_logits"}]}
            """)
        #expect(nested.outputs.map { $0["name"] as? String } == ["fine_logits", "coarse_logits"])
        #expect(nested.numbers("fine_logits") == expected.result.logits.fine)
        #expect(nested.numbers("coarse_logits") == expected.result.logits.coarse)
    }
}
