import Engine
import Jobs
import Platform
import Scoring
import TestSupport
import Testing
import VadCLIP

@testable import API

@Suite("vigil_ready", .timeLimit(.minutes(10)))
struct ReadinessTests {
    private let clock = ManualClock()
    private let store: WatchedStore
    private let service: VigilService

    init() throws {
        let configuration = ModelConfiguration(width: 16, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        store = WatchedStore(clock: clock)
        service = VigilService(
            ScoringService(
                models: ModelRegistry(serving: try Model.synthetic(configuration, kernels: .available[0])),
                backlog: Backlog(store: store, limits: Backlog.Limits(), clock: clock), workers: 1), openAPI: [])
    }

    private func value(of metric: String = "vigil_ready") async -> String? {
        let text = String(decoding: await service.metrics().text(as: .prometheus), as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix(metric + " ") }?.split(separator: " ").last
            .map(String.init)
    }

    @Test("a store that can't be written to makes it 0, as soon as /readyz has found that out, and 1 again")
    func asked() async {
        #expect(await value() == "1")
        store.refuseWrites(.unavailable("the disk has faults"))
        #expect(await service.ready(detailed: true).status == .serviceUnavailable)
        #expect(await value() == "0")
        #expect(await value(of: "vigil_accepting_jobs") == "1")
        store.refuseWrites(nil)
        #expect(await service.ready(detailed: true).status == .ok)
        #expect(await value() == "1")
    }

    @Test("where nobody asks for /readyz the scrapes find it out")
    func scraped() async {
        store.refuseWrites(.diskFull("the disk is full"))
        while await value() != "0" { await Task.yield() }
        store.refuseWrites(nil)
        clock.advance(by: StoreLooks.lasts)
        while await value() != "1" { await Task.yield() }
    }

    @Test("a server that is leaving is not ready")
    func leaving() async {
        service.scoring.stopAccepting()
        #expect(await value() == "0")
        #expect(await value(of: "vigil_accepting_jobs") == "0")
    }

    @Test("a disk that does not answer is none that can be written to, and is asked once")
    func hanging() {
        let looks = StoreLooks()
        #expect(looks.isDue(at: clock.now) && looks.isFine(at: clock.now))
        let look = looks.begin(at: clock.now)
        #expect(!looks.isDue(at: clock.now) && looks.isFine(at: clock.now))
        clock.advance(by: StoreLooks.lasts)
        #expect(!looks.isDue(at: clock.now) && !looks.isFine(at: clock.now))
        looks.end(look, isFine: true, at: clock.now)
        #expect(!looks.isDue(at: clock.now) && looks.isFine(at: clock.now))
        clock.advance(by: StoreLooks.lasts)
        #expect(looks.isDue(at: clock.now))
    }
}
