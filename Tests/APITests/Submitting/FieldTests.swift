import HTTP
import HTTPTypes
import Jobs
import Testing

@testable import API
@testable import Scoring

@Suite("Fields and parameters of a submission")
struct SubmissionFieldTests {
    private func key(_ text: String?) throws -> String? {
        try IdempotencyField.read(HeaderFields(text.map { [(.idempotencyKey, $0)] } ?? []))
    }

    @Test(
        "a key is a string in quotes, or what stands there without",
        arguments: [
            (#""abc""#, "abc"), ("abc", "abc"), (#""a\"b\\c""#, #"a"b\c"#), ("8e03978e-40d5", "8e03978e-40d5"),
            (#"" ""#, " "), (String(repeating: "k", count: 255), String(repeating: "k", count: 255)),
        ])
    func keys(text: String, expected: String) throws {
        #expect(try key(text) == expected)
    }

    @Test("without the field there is no key")
    func noKey() throws { #expect(try key(nil) == nil) }

    @Test(
        "other keys are refused",
        arguments: [
            "", #""""#, #"""#, #""abc"#, #""abc"x"#, #""a\x""#, "é", String(repeating: "k", count: 256),
        ])
    func badKeys(text: String) {
        let problem = #expect(throws: HTTPProblem.self) { try key(text) }
        #expect(problem?.slug == "invalid-idempotency-key" && problem?.status == .badRequest)
    }

    @Test("a deadline is seconds, or a time of day")
    func deadlines() throws {
        let now = WallTime(milliseconds: 1_767_225_600_000)
        #expect(try JobDeadline("1.5").duration(from: now) == .milliseconds(1_500))
        #expect(try JobDeadline("0").duration(from: now) == .zero)
        #expect(try JobDeadline("2026-01-01T00:01:00Z").duration(from: now) == .seconds(60))
        #expect(try JobDeadline("2025-12-31T23:00:00Z").duration(from: now) == .zero, "what is past is due now")
    }

    @Test("other deadlines are refused by name", arguments: ["", "-1", "soon", "1e3", "2592001", "nan", "2026-01-01"])
    func badDeadlines(text: String) {
        #expect(throws: OptionError.self) { try JobDeadline(text) }
    }
}
