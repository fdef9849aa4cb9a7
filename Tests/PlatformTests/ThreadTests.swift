import Platform
import Synchronization
import Testing

@Suite("Threads, and what they wait for")
struct ThreadTests {
    private static let stackBytes = 512 << 10

    @Test("a value that another thread gives comes before the deadline", .timeLimit(.minutes(10)))
    func value() {
        let latch = BlockingLatch<Int>()
        #expect(OwnThread.run(stackBytes: Self.stackBytes) { latch.set(7) } == 0)
        #expect(latch.wait(until: Deadline(in: .seconds(3_600))) == 7)
        #expect(!latch.isGivenUp)
        #expect(latch.wait(until: Deadline(in: .zero)) == 7, "what is there needs no time")
    }

    @Test("who waits in vain gives up, and the other one can see it")
    func givenUp() {
        let latch = BlockingLatch<Int>()
        #expect(!latch.isGivenUp)
        #expect(latch.wait(until: Deadline(in: .zero)) == nil)
        #expect(latch.isGivenUp)
    }

    @Test("a thread has the name that it was given, cut to what Linux keeps", .timeLimit(.minutes(10)))
    func names() {
        let latch = BlockingLatch<String>()
        let code = OwnThread.run(name: "vigil-a-long-name", stackBytes: Self.stackBytes) {
            var bytes = [UInt8](repeating: 0, count: 32)
            let file = open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC)
            let count = read(file, &bytes, bytes.count)
            close(file)
            latch.set(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
        }
        #expect(code == 0)
        #expect(latch.wait(until: Deadline(in: .seconds(3_600))) == "vigil-a-long-na\n")
    }

    @Test("a monitor's waiters are woken one at a time or all", .timeLimit(.minutes(10)))
    func monitor() {
        let monitor = Monitor((left: 3, taken: 0))
        for _ in 0..<3 {
            let code = OwnThread.run(stackBytes: Self.stackBytes) {
                monitor.wait { $0.left > 0 ? () : nil }
                monitor.withLock {
                    $0.left -= 1
                    $0.taken += 1
                }
                monitor.wakeAll()
            }
            #expect(code == 0)
        }
        #expect(monitor.wait(until: Deadline(in: .seconds(3_600))) { $0.taken == 3 ? $0.left : nil } == 0)
    }
}
