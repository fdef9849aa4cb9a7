public import HTTPClient
import Platform
public import TLS

/// Delivers notices, one try at a call. It keeps nothing: what is due, and when, others know.
///
/// Trying blocks, so it happens on a few threads of its own, of which one host has a few at most. A name is resolved
/// once a try, each of its addresses is checked, and connections go to those very addresses. Redirects are not
/// followed.
public final class WebhookSender: Sendable {
    /// How much is done at a time, and how long it may take.
    public struct Limits: Sendable, Equatable {
        /// For one try, from resolving the name to the answer.
        public var timeout: Duration
        /// Tries at a time.
        public var tries: Int
        /// Tries at a time to one host.
        public var triesPerHost: Int
        /// Notices that wait for one of these.
        public var waiting: Int

        /// Limits from their parts.
        public init(timeout: Duration = .seconds(15), tries: Int = 8, triesPerHost: Int = 2, waiting: Int = 256) {
            self.timeout = timeout
            self.tries = tries
            self.triesPerHost = triesPerHost
            self.waiting = waiting
        }
    }

    /// Whom notices may be sent to.
    public let policy: WebhookPolicy
    private let secrets: @Sendable () -> WebhookSecrets
    private let trust: TLSClientContext
    private let limits: Limits
    private let resolver: TimedResolver
    private let threads: HostThreads
    private let now: @Sendable () -> Int

    /// A sender from its parts.
    ///
    /// - Parameters:
    ///   - policy: whom notices may go to
    ///   - secrets: asked at each try, so that secrets can be replaced while the sender runs
    ///   - trust: who vouches for receivers with https
    ///   - limits: how long a try may take and how large an answer may be
    ///   - resolver: finds the addresses of hosts
    ///   - now: the time of day in seconds since 1970, which notices are stamped with
    public init(
        policy: WebhookPolicy, secrets: @escaping @Sendable () -> WebhookSecrets, trust: TLSClientContext,
        limits: Limits = Limits(), resolver: any HostResolver = SystemResolver(),
        now: @escaping @Sendable () -> Int = WebhookSender.systemTime
    ) {
        self.policy = policy
        self.secrets = secrets
        self.trust = trust
        self.limits = limits
        self.resolver = TimedResolver(resolver, limit: limits.tries, waiting: limits.tries * 8)
        threads = HostThreads(threads: limits.tries, perHost: limits.triesPerHost, waiting: limits.waiting)
        self.now = now
    }

    /// The machine's time of day, in seconds since 1970.
    public static let systemTime: @Sendable () -> Int = { time(nil) }

    /// Tries once to deliver a notice, as soon as it is its turn.
    ///
    /// A task that is cancelled gets a failure at once; what is being sent then may still arrive, under the same id.
    public func deliver(_ message: WebhookMessage, to url: WebhookURL) async -> DeliveryVerdict {
        do throws(WebhookRefusal) { try policy.check(url) } catch { return .refused(reason: "\(error)") }
        let verdict = Latch<DeliveryVerdict>()
        return await withTaskCancellationHandler {
            let isTaken = threads.submit(host: "\(url.host)") {
                guard !verdict.isClosed else { return }
                verdict.close(with: self.attempt(message, to: url))
            } drop: {
                verdict.close(with: .failed(reason: "the system gave no thread to send it", retryAfter: nil))
            }
            if !isTaken {
                verdict.close(with: .failed(reason: "too many notices are waiting to be sent", retryAfter: nil))
            }
            return await verdict.value()
        } onCancel: {
            verdict.close(with: .failed(reason: "the delivery was cancelled", retryAfter: nil))
        }
    }

    /// The try itself, on one of the threads.
    private func attempt(_ message: WebhookMessage, to url: WebhookURL) -> DeliveryVerdict {
        let timestamp = now()
        guard let signatures = secrets().signatures(of: message, timestamp: timestamp) else {
            return .failed(reason: "there was no memory for a signature", retryAfter: nil)
        }
        let request = WebhookRequest.bytes(message, to: url, timestamp: timestamp, signatures: signatures)
        let attempt = DeliveryTry(
            url: url, policy: policy, trust: trust, resolver: resolver, deadline: Deadline(in: limits.timeout), now: now
        )
        return attempt.run(request, within: limits.timeout)
    }

    /// How many threads there are now; for tests.
    var threadCount: Int { threads.count }
}

/// A notice: what is sent, and the name under which it is sent however often.
public struct WebhookMessage: Sendable, Equatable {
    /// The field `webhook-id`, by which receivers know a notice that they have had already.
    public let id: String
    /// JSON.
    public let body: [UInt8]
    /// The value of `traceparent`, which tells the receiver of the trace that it belongs to; nil for none.
    public var traceParent: String?
    /// The value of `tracestate`; nil for none.
    public var traceState: String?

    /// A notice from its parts.
    ///
    /// - Parameters:
    ///   - id: 1 to 128 letters, digits, hyphens and underscores; nil for others. Dots separate what is signed,
    ///     and would make two readings of it possible.
    ///   - body: what is sent
    public init?(id: String, body: [UInt8]) {
        guard (1...128).contains(id.utf8.count), id.utf8.allSatisfy(Self.isIDByte) else { return nil }
        self.id = id
        self.body = body
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
