import Platform
import Testing

@testable import HTTP

@Suite("What the log tells of failed requests")
struct FailureLinesTests {
    @Test("of each problem the first few in ten seconds, and then how many were left out")
    func few() {
        var lines = FailureLines()
        let start = MonotonicTime(nanoseconds: 0)
        for _ in 0..<FailureLines.most { #expect(lines.tell(of: "store-full", at: start) == 0) }
        for _ in 0..<90 { #expect(lines.tell(of: "store-full", at: start + .seconds(9)) == nil) }
        #expect(lines.tell(of: "damaged-job", at: start + .seconds(9)) == 0, "another is told")
        #expect(lines.tell(of: "store-full", at: start + .seconds(10)) == 90)
        #expect(lines.tell(of: "store-full", at: start + .seconds(11)) == 0)
    }
}
