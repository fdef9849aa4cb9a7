import HTTP
import HTTPTypes
import Jobs
import Scoring

/// `/jobs/ID/events`.
extension VigilService {
    private static let eventStream = MediaType("text/event-stream")

    /// A job's events from where the client left off (see ``JobEventStream``); 204, after which a browser asks no more,
    /// where it has had the last one.
    func showEvents(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let id = try jobID(of: request)
        // Libraries that do what EventSource does have it in the query, where they may set no fields.
        let query = try parameters(of: request, among: ["lastEventId"])
        let last = try taken { () throws(OptionError) in try query["lastEventId"]?.text() }
        let offered = [Self.eventStream].compactMap { $0 }
        guard AcceptHeader(request.head.fields[.accept]).preferred(among: offered) != nil else {
            throw Problem.notAcceptable("A job's events are to be had as text/event-stream alone.")
        }
        let job = try await scoring.job(id, for: caller(of: request))
        let position = EventPosition(
            lastEventID: request.head.fields[.lastEventID] ?? last,
            chunks: JobFacts(of: job).map { $0.chunks ?? .max } ?? job.parts)
        if position.isEnd, job.status.isEnded {
            return Response(status: .noContent, fields: [.cacheControl: "no-store"])
        }
        var fields: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]
        fields[.accelBuffering] = "no"
        try await note?.record(.read, [job], status: .ok, outcome: "events")
        let client = request.client.description
        return Response(
            status: .ok, fields: fields,
            body: .stream(length: nil) { writer in
                var stream = JobEventStream(of: job, from: position, service: self, writer: writer, client: client)
                try await stream.run()
            })
    }
}

extension HTTPField.Name {
    static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .accept
    static let accelBuffering = HTTPField.Name("X-Accel-Buffering") ?? .accept
}
