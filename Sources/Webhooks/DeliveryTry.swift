import HTTPClient
import Platform
import TLS

/// One try to deliver one notice, on a thread that may block.
struct DeliveryTry {
    /// How much of an answer's body is read before the connection is closed, and for how long.
    private static let drainBytes = 64 << 10
    private static let drainTime = Duration.seconds(1)
    /// How many of a host's addresses are tried one after another.
    private static let maxAddresses = 6

    let url: WebhookURL
    let policy: WebhookPolicy
    let trust: TLSClientContext
    let resolver: TimedResolver
    let deadline: Deadline
    /// Seconds since 1970.
    let now: @Sendable () -> Int

    /// Sends the request's bytes to the first address that takes a connection, and reads the answer.
    func run(_ request: [UInt8], within timeout: Duration) -> DeliveryVerdict {
        do throws(ClientError) {
            let addresses = try addresses()
            // All of them, so that the outcome does not depend on their order.
            for address in addresses {
                do throws(WebhookRefusal) { try policy.check(address, of: url) } catch {
                    return .refused(reason: "\(error)")
                }
            }
            var connection = try ClientConnection.connected(
                toFirstOf: addresses.prefix(Self.maxAddresses), port: url.port, by: deadline)
            if url.scheme == .https { try connection.secure(trust, expecting: peerName, by: deadline) }
            return DeliveryVerdict(try exchange(request, over: &connection), now: now())
        } catch {
            let words = error.words(for: "receiver")
            if case .timedOut = error {
                return .failed(reason: "\(timeout) were not enough: \(words)", retryAfter: nil)
            }
            return .failed(reason: words, retryAfter: nil)
        }
    }

    private func addresses() throws(ClientError) -> [IPAddress] {
        switch url.host {
        case .address(let address): [address]
        case .name(let name): try resolver.addresses(of: name, by: deadline)
        }
    }

    private var peerName: TLSPeerName {
        switch url.host {
        case .address(let address): .address("\(address)")
        case .name(let name): .host(name)
        }
    }

    /// A receiver may answer before it has read everything, and close: then its answer counts, not our broken sending.
    private func exchange(_ request: [UInt8], over connection: inout ClientConnection) throws(ClientError) -> AnswerHead
    {
        var broken: ClientError?
        do throws(ClientError) { try connection.send(request, by: deadline) } catch {
            if case .timedOut = error { throw error }
            broken = error
        }
        do throws(ClientError) { return try receive(from: &connection) } catch { throw broken ?? error }
    }

    private func receive(from connection: inout ClientConnection) throws(ClientError) -> AnswerHead {
        var reader = AnswerHeadReader()
        var buffer = [UInt8](repeating: 0, count: 4 << 10)
        while true {
            let count = try read(from: &connection, into: &buffer)
            guard count > 0 else { throw .ended(.receiving) }
            var position = 0
            do throws(AnswerError) {
                guard let head = try reader.consume(buffer.span.extracting(0..<count), at: &position) else { continue }
                let left = min(head.bodyLength ?? Self.drainBytes, Self.drainBytes) - (count - position)
                connection.drain(left, by: Deadline(in: Self.drainTime).earlier(deadline))
                connection.finish()
                return head
            } catch {
                throw .malformed(error)
            }
        }
    }

    private func read(from connection: inout ClientConnection, into buffer: inout [UInt8]) throws(ClientError) -> Int {
        var outcome = Result<Int, ClientError>.success(0)
        buffer.withUnsafeMutableBytes { bytes in
            do throws(ClientError) { outcome = .success(try connection.receive(into: bytes, by: deadline)) } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }
}

/// The bytes of one notice's request.
enum WebhookRequest {
    static func bytes(
        _ message: WebhookMessage, to url: WebhookURL, timestamp: Int, signatures: String
    ) -> [UInt8] {
        var fields = [
            (name: "User-Agent", value: "vigil"), ("Content-Type", "application/json"), ("webhook-id", message.id),
            ("webhook-timestamp", "\(timestamp)"), ("webhook-signature", signatures), ("Connection", "close"),
        ]
        if let parent = message.traceParent { fields.append(("traceparent", parent)) }
        if let state = message.traceState { fields.append(("tracestate", state)) }
        return ClientRequest("POST", url.target, authority: url.authority, fields: fields, body: message.body).bytes
    }
}

/// What came of one try to deliver a notice.
public enum DeliveryVerdict: Sendable, Equatable {
    /// The receiver has it (2xx).
    case delivered
    /// The receiver wants no more of them, now or later (410).
    case gone
    /// It was not taken, for a reason in plain words; another try may do better.
    ///
    /// `retryAfter` is what the receiver asked for (429 and 503), a day at most.
    case failed(reason: String, retryAfter: Duration?)
    /// It was not sent: notices do not go there. Another try would come to the same, as long as the policy and the
    /// host's addresses are what they are.
    case refused(reason: String)

    /// - Parameter now: seconds since 1970
    init(_ head: AnswerHead, now: Int) {
        switch head.status {
        case 200...299: self = .delivered
        case 410: self = .gone
        case 300...399:
            self = .failed(
                reason: "the receiver answered \(head.status), and redirects are not followed", retryAfter: nil)
        default:
            let asks = head.status == 429 || head.status == 503
            self = .failed(
                reason: "the receiver answered \(head.status)",
                retryAfter: asks ? head.retryAfter.flatMap { RetryAfter.delay($0, now: now) } : nil)
        }
    }
}
