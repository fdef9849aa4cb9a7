import Dispatch
import HTTPClient
import Jobs
import Logging
import Platform
import TLS
import Testing
import Webhooks

@testable import API

@Suite("Callbacks that can't be sent now")
struct CallbackLoopTests {
    /// How many notes a slow receiver has.
    private static let notes = 2_000

    @Test(
        "thousands of due notes to a slow receiver are not claimed before there is room for them, and hold up nobody",
        .timeLimit(.minutes(10)))
    func slowReceiver() async throws {
        let clock = ManualClock()
        let store = WatchedStore(clock: clock)
        let backlog = Backlog(store: store, clock: clock)
        for _ in 0..<Self.notes { _ = try await end("http://stuck.test/hook", store) }
        let resolver = StuckResolver()
        let delivery = CallbackDelivery(sender: try sender(resolver), logger: Logger(label: "test"))
        let running = Task { await delivery.run(backlog) }
        await clock.waitForSleepers(1)
        let begun = store.callbacks
        #expect(begun.taken.count == 4 && begun.writes == 1)
        for _ in 0..<20 {
            clock.advance(by: .seconds(1))
            await clock.waitForSleepers(1)
        }
        #expect(store.callbacks.writes == begun.writes, "the loop looks, and waits")
        let other = try await end("http://other.test/hook", store)
        backlog.ringForCallbacks()
        await store.waitForSettled(other)
        #expect(store.callbacks.taken.map(\.job.id).contains(other) && store.callbacks.writes == begun.writes + 2)
        running.cancel()
        resolver.open()
        await running.value
    }

    private func end(_ url: String, _ store: WatchedStore) async throws -> JobID {
        var new = NewJob(kind: "score", subject: JobSubject([]), input: JobBody([1 as UInt8]), model: "tiny")
        new.callback = url
        let id = try await store.insert(new).id
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.complete(claimed.token, with: .succeeded(JobOutput(body: [1])), timings: nil)
        return id
    }

    /// One that waits for its resolver, and never gets to send anything.
    private func sender(_ resolver: StuckResolver) throws -> WebhookSender {
        let secrets = WebhookSecrets(try WebhookSecret("whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="))
        return WebhookSender(
            policy: WebhookPolicy(allowedHosts: [try HostPattern("*.test")], allowsPrivateAddresses: true),
            secrets: { secrets },
            trust: try TLSClientContext(TLSClientConfiguration(trustsSystem: false)),
            limits: WebhookSender.Limits(timeout: .seconds(3_600)), resolver: resolver)
    }

    /// Knows nobody, and says so of `stuck.test` only once the test lets it.
    private final class StuckResolver: HostResolver {
        private let gate = DispatchSemaphore(value: 0)

        func open() { for _ in 0..<100 { gate.signal() } }

        func addresses(of host: String) throws(ResolutionError) -> [IPAddress] {
            if host == "stuck.test" { gate.wait() }
            throw ResolutionError("no such host")
        }
    }
}
