import HTTPClient

/// What came of one try to deliver a notice.
public enum DeliveryVerdict: Sendable, Equatable {
    /// The receiver has it (2xx).
    case delivered
    /// The receiver wants no more of them, now or later (410).
    case gone
    /// It was not taken, for a reason in plain words; another try may do better.
    ///
    /// `retryAfter` is what the receiver asked for (429 and 503), a day at most.
    case failed(reason: String, retryAfter: Duration?)
    /// It was not sent: notices do not go there. Another try would come to the same, as long as the policy and the
    /// host's addresses are what they are.
    case refused(reason: String)

    /// - Parameter now: seconds since 1970
    init(_ head: AnswerHead, now: Int) {
        switch head.status {
        case 200...299: self = .delivered
        case 410: self = .gone
        case 300...399:
            self = .failed(
                reason: "the receiver answered \(head.status), and redirects are not followed", retryAfter: nil)
        default:
            let asks = head.status == 429 || head.status == 503
            self = .failed(
                reason: "the receiver answered \(head.status)",
                retryAfter: asks ? head.retryAfter.flatMap { RetryAfter.delay($0, now: now) } : nil)
        }
    }
}
