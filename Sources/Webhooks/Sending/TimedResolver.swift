import HTTPClient
import Platform

/// Resolves names on threads of its own, so that a name server which does not answer costs a try no more than its time.
final class TimedResolver: Sendable {
    private let resolver: any HostResolver
    private let threads: HostThreads

    /// - Parameter limit: how many names are resolved at a time
    init(_ resolver: any HostResolver, limit: Int, waiting: Int) {
        self.resolver = resolver
        // One thread a host: a name that never resolves must not take the threads from all others.
        threads = HostThreads(threads: limit, perHost: 1, waiting: waiting)
    }

    /// Blocks the thread until the addresses are there.
    func addresses(of host: String, by deadline: Deadline) throws(ClientError) -> [IPAddress] {
        let latch = BlockingLatch<Result<[IPAddress], ResolutionError>>()
        let resolver = resolver
        let isTaken = threads.submit(host: host) {
            guard !latch.isGivenUp else { return }
            do throws(ResolutionError) {
                latch.set(.success(try resolver.addresses(of: host)))
            } catch {
                latch.set(.failure(error))
            }
        } drop: {
            latch.set(.failure(ResolutionError("the system gave no thread to resolve it")))
        }
        guard isTaken else { throw .broken("too many names are being resolved") }
        switch latch.wait(until: deadline) {
        case nil: throw .timedOut(.resolving)
        case .failure(let error): throw .unknownHost(host, "\(error)")
        case .success(let addresses) where addresses.isEmpty: throw .broken("the host \(host) has no address")
        case .success(let addresses): return addresses
        }
    }
}
