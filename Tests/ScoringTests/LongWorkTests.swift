import Testing

@testable import Scoring

@Suite("Computing that takes long")
struct LongWorkTests {
    /// Whether the thread that this is called on is lent to a task: one of Swift's, which are as few as the processors.
    private static var isOfTask: Bool { withUnsafeCurrentTask { $0 != nil } }

    @Test(
        "it is done on no thread of Swift's, where it is long, and here and now where it is not",
        arguments: [true, false])
    func threads(isLong: Bool) async {
        #expect(Self.isOfTask)
        #expect(await LongWork.run(if: isLong) { Self.isOfTask } == !isLong)
    }

    @Test("many at a time have each their own")
    func many() async {
        let values = await withTaskGroup(of: (Int, Int).self) { group in
            for number in 0..<200 {
                group.addTask { (number, await LongWork.run(if: !number.isMultiple(of: 3)) { number * number }) }
            }
            return await group.reduce(into: [Int: Int]()) { $0[$1.0] = $1.1 }
        }
        #expect(values.count == 200 && values.allSatisfy { $0.value == $0.key * $0.key })
    }

    @Test("who waits for it is kept by it alone: it ends though its task was cancelled, and its value is told")
    func cancelled() async {
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return await LongWork.run(if: true) { 42 }
        }
        task.cancel()
        #expect(await task.value == 42)
    }
}
