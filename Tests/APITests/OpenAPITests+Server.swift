import Jobs
import TestSupport
import Testing

@testable import API
@testable import Scoring
@testable import Video

extension OpenAPITests {
    @Test("what is told of the server has the described properties, and no other")
    func server() async throws {
        var conformance = Conformance(description)
        try conformance.check(await service.describeServer(detailed: true, to: .key("a")).bytes, "Server")
        try conformance.check(await service.describeServer(detailed: false, to: .key("a")).bytes, "Server")
        let all: [VideoIntake.Decoding] = [
            .refused("no ffmpeg"), .by(FFmpeg(path: "/ffmpeg", version: "5.1", isolation: .bubblewrap)),
        ]
        for decoding in all {
            let intake = VideoIntake(maxBytes: 1, on: VideoShelf()) { decoding }
            var settings = ScoringService.Settings()
            settings.videos = intake
            let other = VigilService(
                ScoringService(
                    models: service.scoring.models, backlog: Backlog(store: MemoryJobStore()), workers: 1,
                    settings: settings), openAPI: [])
            try conformance.check(await other.describeServer(detailed: false, to: .key("a")).bytes, "Server")
        }
        let store = WatchedStore(clock: ManualClock())
        let shared = VigilService(
            ScoringService(models: service.scoring.models, backlog: Backlog(store: store), workers: 1), openAPI: [])
        let servers = [true, false].map { isSelf in
            SharedStanding.Server(
                name: "a:1", version: "0.1.0", startedAt: WallTime(milliseconds: 0), silent: .milliseconds(1_500),
                activity: ServerActivity(workers: 2, running: 1), isSelf: isSelf)
        }
        store.share(SharedStanding(servers: servers, patience: .seconds(3), pressure: .init()))
        for isDetailed in [true, false] {
            try conformance.check(await shared.describeServer(detailed: isDetailed, to: .key("a")).bytes, "Server")
        }
        #expect(conformance.differences == [])
        let schemas = [
            "SharingServer", "Server", "ServerProcessors", "ServerMemory", "ServerLimits", "ServerVideos",
            "ServerStore", "ServedModel",
        ]
        #expect(conformance.unseen(in: schemas) == [])
    }
}
