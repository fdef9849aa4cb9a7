import Synchronization

/// A place in the backlog for jobs that are still on their way. It is given back when nobody holds it any more.
public final class Reservation: Sendable {
    private let backlog: Backlog
    /// Whose share it counts for.
    let client: String
    /// What is reserved; nil once that was used up or given back.
    private let reserved: Mutex<QueueLedger.Load?>

    init(_ load: QueueLedger.Load, client: String, of backlog: Backlog) {
        self.backlog = backlog
        self.client = client
        reserved = Mutex(load)
    }

    deinit { cancel() }

    /// Reserves more as more of the upload turns up; less than before changes nothing.
    ///
    /// - Throws: `backlogFull`, `shareFull` or `tooLarge`, and then the place is given back.
    public func grow(toBytes bytes: Int) throws(SubmitError) {
        let refusal = reserved.withLock { reserved -> SubmitError? in
            guard let before = reserved, bytes > before.bytes else { return nil }
            let wanted = QueueLedger.Load(jobs: before.jobs, bytes: bytes)
            do throws(SubmitError) {
                try backlog.exchange(before, of: client, for: wanted, of: client)
                reserved = wanted
                return nil
            } catch {
                reserved = nil
                return error
            }
        }
        if let refusal { throw refusal }
    }

    /// Gives the place back; once it was used there is nothing to give.
    public func cancel() {
        if let load = spend() { backlog.giveBack(load, of: client) }
    }

    /// Takes what is reserved out of the reservation.
    func spend() -> QueueLedger.Load? {
        reserved.withLock { reserved in
            defer { reserved = nil }
            return reserved
        }
    }
}
