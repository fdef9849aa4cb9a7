import Platform
import Synchronization
import Testing

@testable import PostgresStore

@Suite("Writes that go together")
struct WaitingWritesTests {
    private typealias Writes = WaitingWrites<Int, Void>

    private let writes = Writes()

    /// What those were told that did not get to be written.
    private final class Told: Sendable {
        let errors = Mutex<[PostgresError]>([])
    }

    private let told = Told()

    private func entry(
        _ number: Int, bytes: Int = 1, end: MonotonicTime? = nil, since: MonotonicTime = .now
    ) -> Writes.Entry {
        Writes.Entry(write: number, bytes: bytes, end: end, since: since) { [told] result in
            if case .failure(let error) = result { told.errors.withLock { $0.append(error) } }
        }
    }

    private func next() -> [Int] { writes.next().map(\.write) }

    @Test("the first goes at once, and all that come meanwhile go after it in the order in which they came")
    func together() {
        #expect(writes.add(entry(0)))
        #expect(next() == [0])
        for number in 1...70 { #expect(!writes.add(entry(number))) }
        #expect(next() == Array(1...64))
        #expect(next() == Array(65...70))
        #expect(next() == [])
        #expect(writes.add(entry(71)), "nobody writes any more")
    }

    @Test("no more go together than a MiB, and one alone whatever it has")
    func bounded() {
        for number in 0..<6 { _ = writes.add(entry(number, bytes: 300 << 10)) }
        _ = writes.add(entry(6, bytes: 3 << 20))
        #expect(next() == [0, 1, 2])
        #expect(next() == [3, 4, 5])
        #expect(next() == [6])
    }

    @Test("where one commit stands still those that come later have another")
    func slow() {
        #expect(writes.add(entry(0)))
        #expect(next() == [0])
        #expect(!writes.add(entry(1)))
        #expect(writes.add(entry(2, since: .now + .seconds(1))))
        #expect(next() == [1, 2])
        #expect(next() == [])
        #expect(!writes.add(entry(3)), "the first still writes")
    }

    @Test("who has waited too long is told so, who has all the time is not, and nobody waits behind thousands")
    func late() {
        _ = writes.add(entry(0, end: .now + .seconds(-1)))
        _ = writes.add(entry(1))
        _ = writes.add(entry(2, end: .now + .seconds(600)))
        #expect(next() == [1, 2])
        #expect(told.errors.withLock { $0 } == [.unreachable("other writes took too long", wasSent: false)])
        for number in 0..<4_096 { _ = writes.add(entry(number, end: .now + .seconds(600))) }
        #expect(told.errors.withLock { $0.count } == 1)
        #expect(!writes.add(entry(0, end: .now + .seconds(600))))
        #expect(told.errors.withLock { $0.count } == 2)
    }
}
