import HTTP
import HTTPTypes
import Jobs
import Platform
import Scoring

/// `/jobs/ID/features` and `/jobs/ID/thumbnails/START.jpg`.
extension VigilService {
    /// The forms that features are to be had in.
    private enum Form: String, CaseIterable {
        case npy = "application/x-npy"
        case safetensors = "application/vnd.safetensors"
        case json = "application/json"

        /// What tells it from the others in an entity's name.
        var ending: String {
            switch self {
            case .npy: ".npy"
            case .safetensors: ".safetensors"
            case .json: ".json"
            }
        }
    }

    func showFeatures(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let id = try jobID(of: request)
        _ = try parameters(of: request, among: [])
        let form = try featuresForm(of: request.head)
        let job = try await scoring.job(id, for: caller(of: request))
        let (features, share) = try await scoring.features(of: job)
        let tag = EntityTag(features.sha256 + (form == .json ? ".\(Vigil.version)" : "") + form.ending)
        var fields: HTTPFields = [.eTag: tag.description, .vary: "Accept", .cacheControl: "no-cache"]
        if try Preconditions(request.head.fields).check(request.head.method, on: [tag]) {
            return Response(status: .notModified, fields: fields)
        }
        fields[.contentType] = form.rawValue
        if request.head.method != .head {
            try await note?.record(.read, [job], status: .ok, outcome: "features")
        }
        let document = FeaturesDocument(features: features)
        let front: [UInt8]
        switch form {
        case .json: return .json(document.json, fields: fields)
        case .npy: front = document.npy
        case .safetensors: front = try document.safetensors()
        }
        let body: ResponseBody
        if case .kept(let kept) = features {
            body = .stream(length: front.count + kept.count) { writer in
                try await writer.write(front)
                try await kept.forEachPiece { try await writer.write($0) }
            }
        } else {
            let bytes = await features.bytes(after: front) ?? front
            body =
                share.map { RenderedResult(bytes, timing: "", holding: $0).body(for: request.client.description) }
                ?? .bytes(bytes)
        }
        return Response(status: .ok, fields: fields, body: body)
    }

    func showThumbnail(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let id = try jobID(of: request)
        _ = try parameters(of: request, among: [])
        let name = request.pathParameters["file"] ?? ""
        // One place is one picture: digits, and no zero before others.
        let digits = name.ends(with: ".jpg") ? name.utf8.dropLast(4) : ""[...].utf8
        let start = digits.first == ASCII.zero && digits.count > 1 ? nil : ASCII.number(digits, most: 15)
        let job = try await scoring.job(id, for: caller(of: request))
        let jpeg = try await scoring.thumbnail(of: job, start: start)
        let tag = EntityTag("\(job.revision).\(start ?? 0).jpg")
        var fields: HTTPFields = [.eTag: tag.description, .cacheControl: "no-cache"]
        if try Preconditions(request.head.fields).check(request.head.method, on: [tag]) {
            return Response(status: .notModified, fields: fields)
        }
        if request.head.method != .head {
            try await note?.record(.read, [job], status: .ok, outcome: "thumbnail")
        }
        fields[.contentType] = "image/jpeg"
        return Response(status: .ok, fields: fields, body: .bytes(jpeg))
    }

    private func featuresForm(of head: RequestHead) throws(HTTPProblem) -> Form {
        let offered = Form.allCases.compactMap { form in MediaType(form.rawValue).map { (form, $0) } }
        let preferred = AcceptHeader(head.fields[.accept]).preferred(among: offered.map(\.1))
        guard let form = offered.first(where: { $0.1 == preferred })?.0 else {
            throw Problem.notAcceptable(
                "Features are to be had as application/x-npy and application/vnd.safetensors, and what tells of them as "
                    + "application/json.")
        }
        return form
    }
}
