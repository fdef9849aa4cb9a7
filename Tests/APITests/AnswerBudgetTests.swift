import HTTP
import Jobs
import Synchronization
import Testing

@testable import API
@testable import Scoring

/// The room for an answer that one client takes.
private final class Answer: Sendable {
    let share: AnswerBudget.Share
    private let client: String
    private let taking = Mutex<AnswerBudget.Taking?>(nil)

    init(_ share: AnswerBudget.Share, for client: String) {
        self.share = share
        self.client = client
    }

    func begin(cut: @escaping @Sendable () -> Void) {
        let begun = share.begin(for: client, cut: cut)
        taking.withLock { $0 = begun }
    }

    func sent(_ bytes: Int) { taking.withLock { $0?.sent(bytes) } }
    func end() { taking.withLock { $0?.end() } }
}

extension AnswerBudget {
    fileprivate func take(_ bytes: Int, for client: String) -> Answer? { take(bytes).map { Answer($0, for: client) } }
}

@Suite("The budget of large answers")
struct AnswerBudgetTests {
    private let clock = ManualClock()

    private static func body(_ bytes: Int, holding answer: Answer) -> ResponseBody {
        RenderedResult([UInt8](repeating: 1, count: bytes), timing: "", holding: answer.share).body(for: "a")
    }

    @Test("an answer that several take goes when the last of them is behind, and then for all of them")
    func several() {
        let budget = budget(10)
        let cut = Mutex<[String]>([])
        let share = budget.take(8 << 20)
        let takers = ["a", "b"].map { name in share?.begin(for: name) { cut.withLock { $0.append(name) } } }
        for _ in 0..<60 {
            clock.advance(by: .seconds(1))
            takers[1]?.sent(80_000)
        }
        #expect(budget.take(4 << 20) == nil, "b keeps the pace")
        clock.advance(by: .seconds(6))
        let next = budget.take(4 << 20)
        #expect(next != nil && cut.withLock { $0.sorted() } == ["a", "b"])
        #expect(share?.begin(for: "c", cut: {}) == nil, "who comes now finds it gone")
        withExtendedLifetime((share, takers, next)) {}
    }

    @Test("who takes the rest of an answer that others have taken keeps its room")
    func rest() {
        let budget = budget(10)
        let share = budget.take(8 << 20)
        let first = share?.begin(for: "a", cut: {})
        first?.end()
        clock.advance(by: .seconds(600))
        #expect(budget.take(4 << 20) == nil, "nobody is at it, so nobody is late")
        let second = share?.begin(for: "b", cut: {})
        #expect(budget.take(4 << 20) == nil)
        withExtendedLifetime((share, first, second)) {}
    }

    private func budget(_ megabytes: Int) -> AnswerBudget { AnswerBudget(limit: megabytes << 20, clock: clock) }

    @Test("what does not fit beside others waits outside, and a share given back makes room")
    func bounds() {
        let budget = budget(10)
        var first = budget.take(6 << 20)
        #expect(first != nil)
        #expect(budget.take(6 << 20) == nil)
        let second = budget.take(4 << 20)
        #expect(budget.heldBytes == 10 << 20)
        withExtendedLifetime((first, second)) {}
        first = nil
        #expect(budget.heldBytes == 4 << 20)
    }

    @Test("small answers are not counted, and one alone always fits")
    func exceptions() {
        let budget = budget(2)
        let large = budget.take(100 << 20)
        #expect(large != nil)
        let small = budget.take(1 << 20)
        #expect(small != nil)
        #expect(budget.heldBytes == 100 << 20)
        withExtendedLifetime((large, small)) {}
    }

    /// Answers that are being sent, and which of them were cut.
    private final class Answers: Sendable {
        let cut = Mutex<[Int]>([])

        func begin(_ shares: [Answer?]) {
            for (number, share) in shares.enumerated() {
                share?.begin(cut: { self.cut.withLock { $0.append(number) } })
            }
        }
    }

    @Test("one that is taken too slowly is left in peace until others need its room, and then goes first")
    func slow() {
        let budget = budget(10)
        let answers = Answers()
        let shares = (0..<3).map { budget.take(3 << 20, for: "\($0)") }
        answers.begin(shares)
        for _ in 0..<600 {
            clock.advance(by: .seconds(1))
            for (number, share) in shares.enumerated() { share?.sent(number == 1 ? 70_000 : 500) }
        }
        #expect(budget.take(1 << 20, for: "next") != nil)
        #expect(answers.cut.withLock { $0 } == [], "what fits costs nobody anything")
        let next = budget.take(4 << 20, for: "next")
        #expect(next != nil)
        #expect(answers.cut.withLock { $0 } == [0], "no more than had to")
        let second = budget.take(3 << 20, for: "second")
        #expect(answers.cut.withLock { $0 } == [0, 2])
        #expect(budget.take(3 << 20, for: "third") == nil, "who keeps the pace loses nothing")
        #expect(budget.heldBytes == 10 << 20)
        withExtendedLifetime((shares, next, second)) {}
        #expect(answers.cut.withLock { $0 } == [0, 2])
    }

    @Test("nobody loses anything for what would not fit nevertheless, nor before the answer is on its way")
    func inVain() {
        let budget = budget(10)
        let answers = Answers()
        let shares = [budget.take(5 << 20, for: "a"), budget.take(5 << 20, for: "b")]
        answers.begin([shares[0]])
        clock.advance(by: .seconds(600))
        #expect(budget.take(6 << 20, for: "c") == nil)
        #expect(answers.cut.withLock { $0 } == [])
        let third = budget.take(5 << 20, for: "c")
        #expect(third != nil)
        #expect(answers.cut.withLock { $0 } == [0])
        withExtendedLifetime((shares, third)) {}
    }

    @Test("a larger answer has to be taken faster, so that none takes longer than all uploads may")
    func proportion() {
        let budget = budget(300)
        let answers = Answers()
        let share = budget.take(250 << 20, for: "a")
        answers.begin([share])
        for _ in 0..<20 {
            clock.advance(by: .seconds(1))
            share?.sent(1 << 20)
        }
        #expect(budget.take(100 << 20, for: "b") != nil)
        #expect(answers.cut.withLock { $0 } == [0])
        withExtendedLifetime(share) {}
    }

    @Test("what was taken fast is no leave to stand still")
    func noHoarding() {
        let budget = budget(10)
        let answers = Answers()
        let share = budget.take(8 << 20, for: "a")
        answers.begin([share])
        share?.sent(7 << 20)
        clock.advance(by: .seconds(5))
        #expect(budget.take(8 << 20, for: "b") != nil)
        withExtendedLifetime(share) {}
    }

    @Test("who broke an answer off and asks anew each time keeps nobody out, and is forgiven after a while")
    func breaking() {
        let budget = budget(10)
        let answers = Answers()
        for _ in 0..<2 {
            let share = budget.take(8 << 20, for: "a")
            answers.begin([share])
            share?.sent(1_000)
            clock.advance(by: .seconds(1))
            withExtendedLifetime(share) {}
        }
        var share = budget.take(8 << 20, for: "a")
        answers.begin([share])
        #expect(budget.take(8 << 20, for: "b") != nil)
        share = nil
        clock.advance(by: .seconds(61))
        share = budget.take(8 << 20, for: "a")
        answers.begin([share])
        #expect(budget.take(8 << 20, for: "b") == nil)
        share?.end()
        share = nil
        share = budget.take(8 << 20, for: "a")
        answers.begin([share])
        #expect(budget.take(8 << 20, for: "b") == nil, "one that was taken to its end was not broken off")
        withExtendedLifetime(share) {}
    }

    @Test("what was taken on an estimate becomes what the answer has, and its client has the time that this allows")
    func estimates() async throws {
        let budget = budget(100)
        let share = try #require(budget.take(80 << 20, for: "a"))
        guard case .stream(_, let produce) = Self.body(7 << 20, holding: share)
        else {
            Issue.record("a large answer is no stream")
            return
        }
        let pieces = Counter()
        // 64 KiB a second is enough for 7 MiB, and would not be for 80.
        let writer = ResponseWriter({ [clock] _ throws(ResponseWriteError) in
            #expect(budget.heldBytes == 7 << 20)
            if pieces.add() > 1 { clock.advance(by: .seconds(4)) }
            #expect(budget.take(94 << 20, for: "b") == nil)
        })
        try await produce(writer)
        #expect(pieces.count == 28)
    }

    @Test("a large answer's stream tells its share how it goes, and is cut where it loses that")
    func stream() async throws {
        let budget = budget(10)
        let (pieces, cuts) = (Counter(), Counter())
        let other = Mutex<Answer?>(nil)
        let writer = ResponseWriter(
            { [clock] _ throws(ResponseWriteError) in
                guard pieces.add() == 30 else { return }
                // The client takes no more, and after a while another one asks.
                clock.advance(by: .seconds(4))
                #expect(budget.take(2 << 20, for: "b") == nil, "it has kept the pace")
                clock.advance(by: .seconds(60))
                let share = budget.take(2 << 20, for: "b")
                other.withLock { $0 = share }
                if cuts.count > 0 { throw .connectionClosed }
            }, cut: { _ = cuts.add() })
        var share = budget.take(10 << 20, for: "a")
        let body = Self.body(10 << 20, holding: try #require(share))
        share = nil
        guard case .stream(length: 10 << 20, let produce) = body else {
            Issue.record("a large answer is no stream")
            return
        }
        await #expect(throws: ResponseWriteError.connectionClosed) { try await produce(writer) }
        #expect(cuts.count == 1 && pieces.count == 30 && budget.heldBytes == 2 << 20)
        withExtendedLifetime(other) {}
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)
        var count: Int { value.withLock { $0 } }

        func add() -> Int {
            value.withLock {
                $0 += 1
                return $0
            }
        }
    }
}
