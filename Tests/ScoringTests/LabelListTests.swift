import Testing

@testable import Scoring

@Suite("The normal class among labels")
struct LabelListTests {
    @Test(
        "a normal class that is not the first is refused with where it is",
        arguments: ["fighting,normal", "fire,riot,Normal", "fire,normal traffic", "abnormal,normal"])
    func refused(text: String) {
        let error = #expect(throws: OptionError.self) { try ScoreOptions.labels(in: text) }
        #expect(error?.name == "labels" && error?.problem.contains("put it first") == true)
        #expect(throws: OptionError.self) { try ScoreOptions(pairs: [(name: "labels", value: text)]) }
    }

    @Test("a class that is there twice is refused, in capitals or not", arguments: ["normal,b,b", "normal,fire,Fire"])
    func twice(text: String) {
        let error = #expect(throws: OptionError.self) { try ScoreOptions.labels(in: text) }
        #expect(error?.name == "labels" && error?.problem.contains("is label 2 and label 3") == true)
    }

    @Test(
        "a list that has it first is taken without a word",
        arguments: ["normal,fire", "NORMAL,fire", "a normal day,normality"])
    func first(text: String) throws {
        #expect(LabelList.warning(of: try ScoreOptions.labels(in: text)) == nil)
    }

    @Test("where none is called so the first counts, and it is said", arguments: ["peaceful,fire", "abnormal,fire"])
    func none(text: String) throws {
        let labels = try ScoreOptions.labels(in: text)
        #expect(LabelList.warning(of: labels)?.contains("'\(labels[0])'") == true)
    }
}
