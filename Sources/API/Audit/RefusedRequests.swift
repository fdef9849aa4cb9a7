import Audit
import HTTP
import HTTPTypes
import Platform
import Synchronization

/// Requests that the gate refuses, on their way to the audit log: those of about a second that are alike as one line with
/// their number.
///
/// Whoever is refused costs nothing, so that lines are few however many there are: after the first ones one in ten seconds,
/// for requests with a known key and for those without each on their own, and beyond that numbers alone.
final class RefusedRequests: Sendable {
    private struct State {
        var known = RefusalTally()
        var unknown = RefusalTally()
        /// Whether somebody will write them.
        var isAwaited = false
    }

    private static let pause = Duration.seconds(1)

    private let state = Mutex(State())
    private let now: @Sendable () -> MonotonicTime
    private let write: @Sendable ([AuditEntry]) -> Void

    /// - Parameter write: adds lines to the log; it must not block
    init(
        now: @escaping @Sendable () -> MonotonicTime = { MonotonicTime.now },
        write: @escaping @Sendable ([AuditEntry]) -> Void
    ) {
        self.now = now
        self.write = write
    }

    /// A gate whose refusals are counted.
    ///
    /// - Parameter router: tells the route of a request
    func watching(_ gate: @escaping RequestGate, routes router: Router) -> RequestGate {
        { [self] head, peer throws(HTTPProblem) in
            let admission: Admission
            do throws(HTTPProblem) { admission = try gate(head, peer) } catch {
                note(head, from: peer, as: ClientIdentity(peer), error, router)
                throw error
            }
            switch admission.verdict {
            case .refused(let problem), .refusedAtOnce(let problem):
                note(head, from: peer, as: admission.client, problem, router)
            case .admitted, .answered: break
            }
            return admission
        }
    }

    private func note(
        _ head: RequestHead, from peer: SocketAddress, as client: ClientIdentity, _ problem: HTTPProblem,
        _ router: Router
    ) {
        let kind = RefusalTally.Kind(
            client: client, method: String(decoding: head.method.rawValue.utf8.prefix(16), as: UTF8.self),
            route: router.pattern(of: head), status: problem.status.code, problem: problem.slug)
        let now = now()
        let mustWrite = state.withLock { state in
            if case .key = client {
                state.known.count(kind, from: peer.host, at: now)
            } else {
                state.unknown.count(kind, from: peer.host, at: now)
            }
            defer { state.isAwaited = true }
            return !state.isAwaited
        }
        if mustWrite { Task { await writeWhileThereAre() } }
    }

    private func writeWhileThereAre() async {
        repeat { try? await Task.sleep(for: Self.pause) } while flush()
    }

    /// Writes what may be written now.
    ///
    /// - Parameter isLast: whether all is
    /// - Returns: whether there is more
    @discardableResult
    func flush(isLast: Bool = false) -> Bool {
        let now = now()
        let (entries, hasMore) = state.withLock { state in
            let entries =
                state.known.take(at: now, all: isLast) + state.unknown.take(at: now, all: isLast)
            state.isAwaited = !state.known.isEmpty || !state.unknown.isEmpty
            return (entries, state.isAwaited)
        }
        if !entries.isEmpty { write(entries) }
        return hasMore
    }
}

/// What is known of refused requests until it is written, in little room.
struct RefusalTally: Sendable {
    /// What alike requests have in common.
    struct Kind: Hashable {
        let client: ClientIdentity
        let method: String
        let route: String?
        let status: Int
        let problem: String
    }

    private struct Row {
        let kind: Kind
        /// Where the first one came from.
        let address: String
        var count = 0
    }

    /// Kinds that are told apart at a time, and lines that may be written at once.
    static let most = 20
    /// In which one more line may be written.
    static let interval = Duration.seconds(10)

    private var rows: [Row] = []
    /// Those of other kinds.
    private var others = 0
    private var allowance = RefusalTally.most
    private var since: MonotonicTime?

    var isEmpty: Bool { rows.isEmpty && others == 0 }

    /// Counts a request.
    mutating func count(_ kind: Kind, from address: String, at now: MonotonicTime) {
        if since == nil { since = now }
        if let index = rows.firstIndex(where: { $0.kind == kind }) {
            rows[index].count += 1
        } else if rows.count < Self.most {
            rows.append(Row(kind: kind, address: address, count: 1))
        } else {
            others += 1
        }
    }

    /// The lines that may be written, which are then done with.
    mutating func take(at now: MonotonicTime, all: Bool) -> [AuditEntry] {
        if let earlier = since {
            let steps = Int(max(0, (now - earlier) / Self.interval))
            allowance = min(Self.most, allowance + steps)
            since = allowance == Self.most ? (isEmpty ? nil : now) : earlier + Self.interval * steps
        }
        var entries: [AuditEntry] = []
        while !rows.isEmpty, all || allowance > 0 {
            entries.append(Self.entry(rows.removeFirst()))
            allowance = max(0, allowance - 1)
        }
        if others > 0, all || allowance > 0 {
            var entry = AuditEntry(.refuse)
            (entry.outcome, entry.count) = ("others", others)
            entries.append(entry)
            (others, allowance) = (0, max(0, allowance - 1))
        }
        return entries
    }

    private static func entry(_ row: Row) -> AuditEntry {
        var entry = AuditEntry(.refuse)
        if case .key(let name) = row.kind.client { entry.key = name }
        entry.address = row.address
        (entry.method, entry.route) = (row.kind.method, row.kind.route)
        (entry.status, entry.outcome) = (row.kind.status, row.kind.problem)
        if row.count > 1 { entry.count = row.count }
        return entry
    }
}
