import Dispatch
import Platform
import Synchronization
import TLS
import Testing

@testable import Webhooks

/// What senders in these tests are made of.
enum Senders {
    /// 1 to 32.
    static let key = Array<UInt8>(1...32)
    static let time = 1_700_000_000
    /// Whom the senders of tests may speak to at most: no address but those of this machine stands in a URL, and names
    /// lead nowhere else (`HomeResolver`). So nothing of these tests leaves the machine, whatever they send.
    static let home = ["*.test", "localhost", "127.0.0.1", "[::1]"]

    static func make(
        hosts: [String] = home, allowsPrivate: Bool = true, limits: WebhookSender.Limits = .init(),
        resolver: any HostResolver = FixedResolver(["hooks.test": ["127.0.0.1"]]), trust: TLSClientContext? = nil
    ) throws -> WebhookSender {
        try #require(hosts.allSatisfy { home.contains($0) || $0.hasSuffix(".test") }, "\(hosts) are not this machine")
        let policy = WebhookPolicy(
            allowedHosts: try hosts.map { try HostPattern($0) }, allowsPrivateAddresses: allowsPrivate)
        let secrets = WebhookSecrets(try WebhookSecret("whsec_" + Base64.encode(key)))
        let trust = try trust ?? TLSClientContext(TLSClientConfiguration(trustsSystem: false))
        return WebhookSender(
            policy: policy, secrets: { secrets }, trust: trust, limits: limits, resolver: HomeResolver(resolver),
            now: { time })
    }

    static func message(_ id: String = "msg_1", body: String = #"{"job":"a1"}"#) throws -> WebhookMessage {
        try #require(WebhookMessage(id: id, body: Array(body.utf8)))
    }

    /// Delivers one notice.
    static func deliver(
        to url: String, by sender: WebhookSender? = nil
    ) async throws -> DeliveryVerdict {
        try await (sender ?? make()).deliver(message(), to: WebhookURL(url))
    }
}

extension DeliveryVerdict {
    /// The reason of a failure or a refusal.
    var reason: String {
        switch self {
        case .failed(let reason, _): "failed: \(reason)"
        case .refused(let reason): "refused: \(reason)"
        case .delivered, .gone: "\(self)"
        }
    }
}

/// Finds this machine and what nothing is ever sent to, or nothing: an address of anybody else is a fault of the test.
struct HomeResolver: HostResolver {
    private let resolver: any HostResolver

    init(_ resolver: any HostResolver) { self.resolver = resolver }

    func addresses(of host: String) throws(ResolutionError) -> [NetworkAddress] {
        let addresses = try resolver.addresses(of: host)
        guard addresses.allSatisfy({ $0.addressClass == .loopback || $0.addressClass.isNeverAllowed }) else {
            Issue.record("\(host) is \(addresses), which is not this machine")
            throw ResolutionError("it is elsewhere")
        }
        return addresses
    }
}

/// Knows some hosts, and counts how often it is asked.
final class FixedResolver: HostResolver {
    private let hosts: [String: [NetworkAddress]]
    private let count = Mutex(0)

    init(_ hosts: [String: [String]]) {
        self.hosts = hosts.mapValues { $0.compactMap { NetworkAddress($0) } }
    }

    var questions: Int { count.withLock { $0 } }

    func addresses(of host: String) throws(ResolutionError) -> [NetworkAddress] {
        count.withLock { $0 += 1 }
        guard let addresses = hosts[host] else { throw ResolutionError("no such host") }
        return addresses
    }
}

/// Knows this machine, but for the host `stuck.test`, whose addresses come once the test says so.
final class StuckResolver: HostResolver {
    private let gate = DispatchSemaphore(value: 0)

    func open() { gate.signal() }

    func addresses(of host: String) throws(ResolutionError) -> [NetworkAddress] {
        if host == "stuck.test" { gate.wait() }
        return [.four(0x7F00_0001)]
    }
}
