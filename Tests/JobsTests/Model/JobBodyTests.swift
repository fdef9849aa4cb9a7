import Synchronization
import Testing

@testable import Jobs

@Suite("What a job is about")
struct JobBodyTests {
    @Test("a body shows its bytes, whatever it came as, and gives numbers back as they are")
    func bodies() {
        let floats = JobBody([1, -0.0, .nan] as [Float])
        let bytes = JobBody(floats.bytes(in: 0..<12))
        #expect(floats.count == 12 && bytes.count == 12 && floats == bytes && floats != JobBody([0] as [UInt8]))
        #expect(floats.floats?.count == 3 && bytes.floats == nil)
        #expect(floats.bytes(in: 3..<5) == bytes.bytes(in: 3..<5) && bytes.bytes(in: 10..<99).count == 2)
        #expect(JobBody([] as [UInt8]) == JobBody([] as [Float]))
    }

    @Test("numbers are handed on, not copied")
    func sharing() {
        let numbers = [Float](repeating: 1, count: 1_000)
        let body = JobBody(numbers)
        let before = numbers.withUnsafeBytes { $0.baseAddress }
        #expect(body.withUnsafeBytes { $0.baseAddress } == before)
        #expect(body.floats?.withUnsafeBytes { $0.baseAddress } == before)
    }

    @Test("the bytes of a subject are made once, by the first who asks, and for nobody else")
    func subjects() async {
        let calls = Calls()
        let subject = JobSubject(of: "value") {
            calls.count.withLock { $0 += 1 }
            return [1, 2]
        }
        #expect(calls.count.withLock { $0 } == 0 && subject.value as? String == "value")
        let all = await withTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<8 { group.addTask { subject.bytes } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(all == Array(repeating: [1, 2], count: 8) && calls.count.withLock { $0 } == 1)
        #expect(subject == JobSubject([1, 2]) && subject != JobSubject([1]) && JobSubject([1]).value == nil)
    }

    private final class Calls: Sendable {
        let count = Mutex(0)
    }
}
