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
        do throws(TryError) {
            let addresses = try addresses()
            // All of them, so that the outcome does not depend on their order.
            for address in addresses {
                do throws(WebhookRefusal) { try policy.check(address, of: url) } catch {
                    return .refused(reason: "\(error)")
                }
            }
            var wire = Wire(try connect(to: addresses.prefix(Self.maxAddresses)), deadline: deadline)
            if url.scheme == .https { try wire.secure(trust, expecting: peerName) }
            return DeliveryVerdict(try exchange(request, over: &wire), now: now())
        } catch {
            return .failed(reason: error.words(within: timeout), retryAfter: nil)
        }
    }

    private func addresses() throws(TryError) -> [NetworkAddress] {
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

    private func connect(to addresses: ArraySlice<NetworkAddress>) throws(TryError) -> ReceiverSocket {
        var failure = TryError.broken("the host has no address")
        for (index, address) in addresses.enumerated() {
            do throws(TryError) {
                return try ReceiverSocket.connected(
                    to: address, port: url.port, by: deadline.shared(among: addresses.count - index))
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// A receiver may answer before it has read everything, and close: then its answer counts, not our broken sending.
    private func exchange(_ request: [UInt8], over wire: inout Wire) throws(TryError) -> AnswerHead {
        var broken: TryError?
        do throws(TryError) { try wire.send(request) } catch {
            if case .timedOut = error { throw error }
            broken = error
        }
        do throws(TryError) { return try receive(from: &wire) } catch { throw broken ?? error }
    }

    private func receive(from wire: inout Wire) throws(TryError) -> AnswerHead {
        var reader = AnswerHeadReader()
        var buffer = [UInt8](repeating: 0, count: 4 << 10)
        while true {
            let count = try Self.read(from: &wire, into: &buffer)
            guard count > 0 else { throw .broken("the receiver ended the connection before it had answered") }
            var position = 0
            do throws(AnswerError) {
                guard let head = try reader.consume(buffer.span.extracting(0..<count), at: &position) else { continue }
                let left = min(head.bodyLength ?? Self.drainBytes, Self.drainBytes) - (count - position)
                wire.drain(left, by: Deadline(in: Self.drainTime))
                wire.finish()
                return head
            } catch {
                throw .broken(error.words)
            }
        }
    }

    private static func read(from wire: inout Wire, into buffer: inout [UInt8]) throws(TryError) -> Int {
        var outcome = Result<Int, TryError>.success(0)
        buffer.withUnsafeMutableBytes { bytes in
            do throws(TryError) { outcome = .success(try wire.receive(into: bytes)) } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }
}
