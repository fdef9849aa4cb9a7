import Synchronization

/// A place in the backlog for a job that is still on its way. It is given back when nobody holds it any more.
public final class Reservation: Sendable {
    private let backlog: Backlog
    /// What is reserved; nil once that was used up or given back.
    private let reserved: Mutex<Int?>

    /// Whether a place in the queue is kept, or memory alone.
    private let place: Bool

    init(bytes: Int, place: Bool, of backlog: Backlog) {
        self.backlog = backlog
        self.place = place
        reserved = Mutex(bytes)
    }

    deinit { cancel() }

    /// Reserves more as more of the upload turns up; less than before changes nothing.
    ///
    /// - Throws: `backlogFull` or `tooLarge`, and then the place is given back.
    public func grow(toBytes bytes: Int) throws(SubmitError) {
        let refusal = reserved.withLock { reserved -> SubmitError? in
            guard let before = reserved, bytes > before else { return nil }
            do throws(SubmitError) {
                try backlog.exchange(reserved: before, forBytes: bytes, place: place)
                reserved = bytes
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
        if let bytes = spend() { backlog.giveBack(reserved: bytes, place: place) }
    }

    /// Takes what is reserved out of the reservation.
    func spend() -> Int? {
        reserved.withLock { reserved in
            defer { reserved = nil }
            return reserved
        }
    }
}
