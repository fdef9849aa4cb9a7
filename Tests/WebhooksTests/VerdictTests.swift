import HTTPClient
import Testing

@testable import Webhooks

@Suite("what an answer means")
struct VerdictTests {
    @Test("a verdict for each status")
    func verdicts() {
        func verdict(_ status: Int, _ retryAfter: String? = nil) -> DeliveryVerdict {
            DeliveryVerdict(AnswerHead(status: status, retryAfter: retryAfter), now: 0)
        }
        for status in [200, 201, 204, 299] { #expect(verdict(status) == .delivered) }
        #expect(verdict(410, "5") == .gone)
        for status in [429, 503] {
            #expect(
                verdict(status, "5") == .failed(reason: "the receiver answered \(status)", retryAfter: .seconds(5)))
            #expect(verdict(status, "x") == .failed(reason: "the receiver answered \(status)", retryAfter: nil))
        }
        for status in [101, 400, 404, 500, 599] {
            #expect(verdict(status, "5") == .failed(reason: "the receiver answered \(status)", retryAfter: nil))
        }
        for status in [300, 301, 302, 304, 307, 308] {
            let reason = "the receiver answered \(status), and redirects are not followed"
            #expect(verdict(status, "5") == .failed(reason: reason, retryAfter: nil))
        }
    }
}
