import Testing

@testable import Service

@Suite("The budget of large answers")
struct AnswerBudgetTests {
    @Test("what does not fit beside others waits outside, and a share given back makes room")
    func bounds() {
        let budget = AnswerBudget(limit: 10 << 20)
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
        let budget = AnswerBudget(limit: 2 << 20)
        let large = budget.take(100 << 20)
        #expect(large != nil)
        let small = budget.take(1 << 20)
        #expect(small != nil)
        #expect(budget.heldBytes == 100 << 20)
        withExtendedLifetime((large, small)) {}
    }
}
