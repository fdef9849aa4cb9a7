import Platform

/// A place in the backlog for jobs that are still on their way. It is given back when nobody holds it any more.
public final class Reservation: Sendable {
    private let backlog: Backlog
    let room: UploadRoom
    /// The uploads that lost what they held for it.
    private let dispossessed: [UploadRoom]
    private static let patience = Duration.seconds(2)

    init(_ room: UploadRoom, inPlaceOf dispossessed: [UploadRoom], of backlog: Backlog) {
        self.room = room
        self.dispossessed = dispossessed
        self.backlog = backlog
    }

    deinit { cancel() }

    /// Returns once those that lost what they held for it have let go of that, so that no more is held than is counted; or
    /// after a moment, where they don't. To be called before the upload is read.
    public func ready() async {
        for room in dispossessed {
            guard let farewell = room.farewell else { continue }
            _ = await farewell.value(until: backlog.clock.now + Self.patience, by: backlog.clock)
        }
    }

    /// Takes note that the upload goes on: what it holds is counted, and it is in time for so much longer.
    ///
    /// - Parameters:
    ///   - received: bytes that came since the last time
    ///   - bytes: what the upload holds in all; less than before changes nothing
    /// - Throws: `backlogFull`, `shareFull` or `tooLarge`, and then the place is given back; `tooSlow` where the upload
    ///   has lost it to others.
    public func advance(by received: Int, holding bytes: Int) throws(SubmitError) {
        switch room.advance(by: received, holding: bytes, now: backlog.clock.now) {
        case nil: throw .tooSlow
        case true?: try backlog.grow(room, toBytes: bytes)
        case false?: break
        }
    }

    /// Reserves more as more of the upload turns up; less than before changes nothing.
    ///
    /// - Throws: as `advance(by:holding:)`.
    public func grow(toBytes bytes: Int) throws(SubmitError) { try advance(by: 0, holding: bytes) }

    /// All of the upload has come: what is left to do is not the client's, so that it can't be late any more.
    public func arrived() { room.arrived() }

    /// Whether others got what the upload held, because it came too slowly.
    public var isLost: Bool { room.isLost }

    /// Gives the place back; once it was used there is nothing to give.
    public func cancel() { backlog.release(room) }
}
