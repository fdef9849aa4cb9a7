import Engine
public import HTTP
import HTTPTypes
import JSON
import Jobs
public import Platform
import Scoring

/// What `/v1/server` tells beside what the service itself knows: how much it may use and take.
public struct ServerDescription: Sendable {
    /// What the process may use of the machine.
    public var process = ProcessLimits.atStart
    /// Threads that share the connections.
    public var eventLoops = 0
    /// How much is taken from clients.
    public var http = Limits()
    /// Requests a second that each client may make; nil for any number.
    public var rateLimit: Int?

    /// The defaults.
    public init() {}
}

/// `/v1/server`: what runs here, and how much it may use and takes.
extension VigilService {
    func showServer(_ request: Request) async throws -> Response {
        try checkTakesJSON(request.head, "What runs here")
        return await describeServer(detailed: request.seesDetails, to: request.client)
    }

    /// - Parameters:
    ///   - detailed: whether the client may see paths of the machine
    ///   - client: who asks, whose limits may be its own
    func describeServer(detailed: Bool, to client: ClientIdentity) async -> Response {
        var models: [(version: ModelVersion, sha256: String)] = []
        for version in scoring.models.all { models.append((version, await version.sha256)) }
        let first = scoring.models.default
        let decoding = await scoring.videos?.decodingLater()
        let standing = await scoring.backlog.standing()
        let body = JSONWriter.document { json in
            json.object { json in
                json.member("version", Vigil.version)
                json.member("started_at", started.wall.description)
                json.member("uptime_seconds", Double(uptime.wholeNanoseconds / 1_000_000) / 1_000)
                json.member("draining", scoring.backlog.admission() == .draining)
                json.key("processors")
                processors(&json)
                json.key("memory")
                memory(&json, detailed: detailed)
                json.key("limits")
                limits(of: client, &json)
                json.key("videos")
                write(decoding, to: &json)
                json.key("store")
                json.object { json in
                    json.member("lasting", scoring.isLasting)
                    if detailed { json.member("place", scoring.backlog.storeSummary) }
                }
                if let standing {
                    json.key("servers")
                    write(standing, detailed: detailed, to: &json)
                }
                json.key("models")
                json.array(models) { json, model in
                    json.object { json in
                        json.member("name", model.version.name)
                        json.member("sha256", model.sha256)
                        json.member("default", model.version === first)
                        json.member("kernels", model.version.model.kernels.name)
                        json.member("compute", model.version.model.kernels.compute.rawValue)
                    }
                }
            }
        }
        return .json(body, fields: [.cacheControl: "no-store"])
    }

    private var uptime: Duration { .nanoseconds(scoring.backlog.now.nanoseconds - started.time.nanoseconds) }

    private func processors(_ json: inout JSONWriter) {
        json.object { json in
            json.member("online", server.process.online)
            json.member("affinity", server.process.affinity)
            json.member("quota", server.process.quota)
            json.member("workers", scoring.health.workers)
            json.member("event_loops", server.eventLoops)
        }
    }

    private func memory(_ json: inout JSONWriter, detailed: Bool) {
        json.object { json in
            json.member("limit_bytes", server.process.memory)
            if detailed { json.member("limited_by", server.process.memorySource) }
        }
    }

    /// Who shares the queue, and what each is at.
    private func write(_ standing: SharedStanding, detailed: Bool, to json: inout JSONWriter) {
        json.array(standing.servers) { json, server in
            json.object { json in
                if detailed { json.member("name", server.name) }
                json.member("self", server.isSelf)
                json.member("version", server.version)
                json.member("started_at", server.startedAt.description)
                json.member("silent_seconds", Double(server.silent.wholeNanoseconds / 1_000_000) / 1_000)
                json.member("gone", standing.isSilent(server))
                json.member("workers", server.activity.workers)
                json.member("running", server.activity.running)
                json.member("draining", server.activity.isDraining)
            }
        }
    }

    /// Whether videos are taken, and what decodes them.
    private func write(_ decoding: VideoIntake.Decoding?, to json: inout JSONWriter) {
        json.object { json in
            switch decoding {
            case nil: json.member("taken", false)
            case .by(let ffmpeg)?:
                json.member("taken", true)
                json.member("ffmpeg", ffmpeg.version)
                json.member("isolation", ffmpeg.isolation.rawValue)
            case .refused(let reason)?:
                json.member("taken", false)
                json.member("reason", reason)
            }
        }
    }

    private func limits(of client: ClientIdentity, _ json: inout JSONWriter) {
        let queue = scoring.backlog.limits
        let share = queue.share(of: client.description)
        json.object { json in
            json.member("body_bytes", scoring.settings.maxBodyBytes)
            if let videos = scoring.videos { json.member("video_bytes", videos.maxBytes) }
            json.member("queued_jobs", queue.maxJobs)
            json.member("queued_bytes", queue.maxBytes)
            json.member("queued_jobs_per_client", share.jobs)
            json.member("queued_bytes_per_client", share.bytes)
            json.member("connections", server.http.usable.maxConnections)
            json.member("requests_per_second", server.rateLimit)
            json.member("target_bytes", server.http.maxTargetBytes)
            json.member("header_bytes", server.http.maxHeaderBytes)
        }
    }
}
