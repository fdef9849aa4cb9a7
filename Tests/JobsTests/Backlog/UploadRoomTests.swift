import Platform
import Synchronization
import TestSupport
import Testing

@testable import Jobs

@Suite("Room for uploads in flight", .timeLimit(.minutes(10)))
struct UploadRoomTests {
    private let clock = ManualClock()

    private func backlog(jobs: Int = 100, bytes: Int = 4 << 20, perClient: Int? = nil) -> Backlog {
        var limits = Backlog.Limits(maxJobs: jobs, maxBytes: bytes)
        limits.maxBytesPerClient = perClient
        return Backlog(store: MemoryJobStore(clock: clock), limits: limits, clock: clock)
    }

    @Test("what is announced and does not come is no longer kept once others want it")
    func promises() throws {
        let backlog = backlog()
        let slow = try (0..<4).map { try backlog.reserve(bytes: 1 << 20, client: "\($0)") }
        #expect(throws: SubmitError.bytesFull(retryAfterSeconds: 1)) { try backlog.reserve(bytes: 1, client: "e") }
        for _ in 0..<10 {
            clock.advance(by: .seconds(1))
            for one in slow { try one.advance(by: 500, holding: 5_000) }
        }
        #expect(backlog.metrics.reservedBytes == 4 << 20, "nobody wanted it")
        let other = try backlog.reserve(bytes: 1 << 19, client: "e")
        #expect(backlog.metrics.reservedBytes == 3 << 20 + 5_000 + 1 << 19, "one has lost its promise, not its bytes")
        for one in slow {
            #expect(!one.isLost)
            try one.advance(by: 500, holding: 5_500)
        }
        withExtendedLifetime(other) {}
    }

    @Test("places that uploads announce go to others too, and an upload without one may find another")
    func places() async throws {
        let backlog = backlog(jobs: 3)
        let slow = try (0..<3).map { try backlog.reserve(bytes: 1_000, client: "\($0)") }
        clock.advance(by: .seconds(6))
        _ = try await backlog.submit(.sample(), using: try backlog.reserve(bytes: 16, client: "somebody"))
        #expect(backlog.metrics.queuedJobs == 1 && backlog.metrics.reservedJobs == 2 && backlog.metrics.uploads == 3)
        _ = try await backlog.claim(limit: 1)
        for one in slow { _ = try await backlog.submit(.sample(), using: one) }
        #expect(backlog.metrics.queuedJobs == 3 && backlog.metrics.reservedBytes == 0 && backlog.metrics.uploads == 0)
    }

    @Test(
        "one that was refused while no upload could be late makes nobody safe who comes after",
        arguments: [false, true])
    func refusedBefore(isWhole: Bool) async throws {
        let backlog = backlog(jobs: 2)
        let whole = isWhole ? try backlog.reserve(bytes: 16) : nil
        whole?.arrived()
        for _ in 0..<(isWhole ? 1 : 2) { _ = try await backlog.submit(.sample()) }
        #expect(throws: SubmitError.self) { try backlog.reserve(bytes: 16) }
        _ = try await backlog.claim(limit: 2)
        whole?.cancel()
        let slow = try (0..<2).map { try backlog.reserve(bytes: 1_000, client: "\($0)") }
        clock.advance(by: .seconds(6))
        let other = try backlog.reserve(bytes: 16, client: "somebody")
        withExtendedLifetime((slow, other)) {}
    }

    @Test("who breaks uploads off and announces anew keeps nobody out")
    func breaking() throws {
        let backlog = backlog()
        var slow = try (0..<4).map { try backlog.reserve(bytes: 1 << 20, client: "\($0)") }
        for _ in 0..<3 {
            clock.advance(by: .seconds(4))
            for one in slow { one.cancel() }
            slow = try (0..<4).map { try backlog.reserve(bytes: 1 << 20, client: "\($0)") }
        }
        let other = try backlog.reserve(bytes: 1 << 20, client: "somebody")
        #expect(backlog.metrics.reservedBytes == 4 << 20)
        other.arrived()
        other.cancel()
        clock.advance(by: .seconds(61))
        for one in slow { one.cancel() }
        clock.advance(by: .seconds(61))
        slow = try (0..<4).map { try backlog.reserve(bytes: 1 << 20, client: "\($0)") }
        #expect(throws: SubmitError.self, "it is forgiven") { try backlog.reserve(bytes: 1, client: "somebody") }
        withExtendedLifetime(slow) {}
    }

    @Test("what is held without progress goes last, and only as much as is needed")
    func held() throws {
        let backlog = backlog()
        let interrupted = Mutex<[Int]>([])
        let slow = try (0..<4).map { number in
            try backlog.reserve(bytes: 1 << 20, client: "\(number)") { interrupted.withLock { $0.append(number) } }
        }
        for one in slow {
            try one.advance(by: 1_000_000, holding: 1_000_000)
            clock.advance(by: .seconds(1))
        }
        clock.advance(by: .seconds(5))
        let small = try backlog.reserve(bytes: 60_000, client: "e")
        #expect(interrupted.withLock { $0 } == [], "promises were enough")
        let large = try backlog.reserve(bytes: 1_000_000, client: "e")
        #expect(interrupted.withLock { $0 } == [0], "the one that has stood still for the longest")
        #expect(throws: SubmitError.tooSlow) { try slow[0].advance(by: 1, holding: 1_000_001) }
        #expect(slow.map(\.isLost) == [true, false, false, false])
        withExtendedLifetime((small, large)) {}
    }

    @Test("nobody loses anything for what would not fit nevertheless")
    func inVain() async throws {
        let backlog = backlog(bytes: 1_000)
        _ = try await backlog.submit(.sample(words: 200))
        let slow = try backlog.reserve(bytes: 100, client: "a")
        try slow.advance(by: 50, holding: 50)
        clock.advance(by: .seconds(60))
        #expect(throws: SubmitError.self) { try backlog.reserve(bytes: 201, client: "e") }
        #expect(!slow.isLost && backlog.metrics.reservedBytes == 100)
        _ = try backlog.reserve(bytes: 200, client: "e")
        #expect(slow.isLost)
    }

    @Test(
        "who got what another held begins once that one has let go of it, or after a moment", arguments: [true, false])
    func letsGo(inTime: Bool) async throws {
        let backlog = backlog(bytes: 1_000)
        let slow = try backlog.reserve(bytes: 600, client: "a")
        await slow.ready()
        try slow.advance(by: 600, holding: 600)
        clock.advance(by: .seconds(60))
        let other = try backlog.reserve(bytes: 1_000, client: "b")
        let order = Mutex<[String]>([])
        let reading = Task {
            await other.ready()
            order.withLock { $0.append("read") }
        }
        await clock.waitForSleepers(1)
        order.withLock { $0.append("let go") }
        if inTime { slow.cancel() } else { clock.advance(by: .seconds(2)) }
        await reading.value
        #expect(order.withLock { $0 } == ["let go", "read"])
        withExtendedLifetime(slow) {}
    }

    @Test("a share that is full gets room from its own uploads alone")
    func shares() throws {
        let backlog = backlog(perClient: 1 << 20)
        let own = try backlog.reserve(bytes: 1 << 20, client: "a")
        let others = try backlog.reserve(bytes: 1 << 20, client: "b")
        clock.advance(by: .seconds(6))
        let second = try backlog.reserve(bytes: 1_000, client: "a")
        #expect(own.room.state.withLock { $0.counted.bytes } == 0)
        #expect(others.room.state.withLock { $0.counted.bytes } == 1 << 20)
        withExtendedLifetime(second) {}
    }

    @Test("an upload that has come whole is not late, however long it is looked at")
    func arrived() throws {
        let backlog = backlog()
        let whole = try backlog.reserve(bytes: 4 << 20, client: "a")
        try whole.advance(by: 4 << 20, holding: 4 << 20)
        whole.arrived()
        clock.advance(by: .seconds(600))
        #expect(throws: SubmitError.self) { try backlog.reserve(bytes: 1, client: "b") }
        #expect(!whole.isLost)
    }

    @Test("what came fast is no leave to stand still", arguments: [1 << 10, 1 << 20, 3 << 20])
    func noHoarding(bytes: Int) throws {
        let backlog = backlog()
        let hoarder = try backlog.reserve(bytes: 4 << 20, client: "a")
        try hoarder.advance(by: bytes, holding: bytes)
        clock.advance(by: .seconds(5))
        let other = try backlog.reserve(bytes: 1 << 10, client: "b")
        withExtendedLifetime((hoarder, other)) {}
    }

    @Test("who asks for more when its room has just gone to another is told so")
    func lostBetween() throws {
        let backlog = backlog(bytes: 1_000)
        let slow = try backlog.reserve(bytes: 600, client: "a")
        try slow.advance(by: 600, holding: 600)
        clock.advance(by: .seconds(60))
        let other = try backlog.reserve(bytes: 1_000, client: "b")
        #expect(slow.isLost)
        // What `advance` goes on with where it found the room still there.
        #expect(throws: SubmitError.tooSlow) { try backlog.grow(slow.room, toBytes: 601) }
        #expect(backlog.metrics.reservedBytes == 1_000)
        withExtendedLifetime(other) {}
    }

    @Test("late uploads that have nothing left to lose are not looked through for each refusal")
    func stripped() throws {
        let backlog = backlog()
        let slow = try (0..<4).map { try backlog.reserve(bytes: 1 << 20, client: "\($0)") }
        clock.advance(by: .seconds(6))
        let other = try backlog.reserve(bytes: 4 << 20, client: "e")
        #expect(throws: SubmitError.self) { try backlog.reserve(bytes: 1, client: "f") }
        #expect(backlog.state.withLock { $0.nextLate } > clock.now)
        other.cancel()
        try slow[0].advance(by: 0, holding: 1 << 20)
        let next = try backlog.reserve(bytes: 4 << 20, client: "f")
        #expect(slow.map(\.isLost) == [true, false, false, false], "it is late, and has something to lose")
        withExtendedLifetime(next) {}
    }

    @Test("one that catches up while others look for room loses nothing", arguments: [0, 600])
    func caughtUp(held: Int) throws {
        let catchingUp = Mutex<Reservation?>(nil)
        var limits = Backlog.Limits(maxJobs: 100, maxBytes: 1_000)
        limits.maxBytesPerClient = 1_000
        // Asked between the look at the late ones and their losses, where there would be room after those.
        limits.spares = { _ in
            try? catchingUp.withLock { $0.take() }?.advance(by: 70 * 64 << 10, holding: held)
            return false
        }
        let backlog = Backlog(store: MemoryJobStore(clock: clock), limits: limits, clock: clock)
        let slow = try backlog.reserve(bytes: 600, client: "a")
        try slow.advance(by: held, holding: held)
        clock.advance(by: .seconds(60))
        catchingUp.withLock { $0 = slow }
        #expect(throws: SubmitError.self) { try backlog.reserve(bytes: 1_000, client: "b") }
        #expect(catchingUp.withLock { $0 == nil }, "it has caught up")
        #expect(!slow.isLost && backlog.metrics.reservedBytes == 600)
    }

    /// An upload of the property test.
    private struct Upload {
        let reservation: Reservation
        let bytes: Int
        let isGood: Bool
        var sent = 0
        var hasFailed = false
    }

    @Test("random uploads: never more than the limit, who keeps the pace is never failed", arguments: 0..<20)
    func random(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let limit = 8 << 20
        let backlog = backlog(jobs: 12, bytes: limit)
        var uploads: [Upload] = []
        for _ in 0..<600 {
            clock.advance(by: .milliseconds(500))
            let bytes = Int.random(in: 1...(3 << 20), using: &random)
            // Those who keep the pace are other clients: who breaks uploads off has no grace for the next.
            let isGood = Bool.random(using: &random)
            let client = "\(isGood ? "good" : "slow") \(Int.random(in: 0...5, using: &random))"
            if Int.random(in: 0...2, using: &random) == 0,
                let reservation = try? backlog.reserve(bytes: bytes, client: client)
            {
                uploads.append(Upload(reservation: reservation, bytes: bytes, isGood: isGood))
            }
            for index in uploads.indices {
                let upload = uploads[index]
                let piece = min(
                    upload.isGood ? 40 << 10 : Int.random(in: 0...2_000, using: &random), upload.bytes - upload.sent)
                do throws(SubmitError) {
                    try upload.reservation.advance(by: piece, holding: upload.sent + piece)
                    uploads[index].sent += piece
                } catch {
                    #expect(!upload.isGood, "\(error)")
                    upload.reservation.cancel()
                    uploads[index].hasFailed = true
                }
            }
            let metrics = backlog.metrics
            let held = uploads.reduce(0) { $0 + ($1.hasFailed || $1.reservation.isLost ? 0 : $1.sent) }
            #expect(metrics.reservedBytes <= limit && metrics.reservedJobs <= 12 && held <= limit)
            for upload in uploads where upload.sent == upload.bytes {
                upload.reservation.arrived()
                upload.reservation.cancel()
            }
            uploads.removeAll { $0.sent == $0.bytes || $0.hasFailed }
        }
        uploads = []
        #expect(backlog.metrics.reservedBytes == 0 && backlog.metrics.reservedJobs == 0)
    }
}
