import JSON
import Platform
public import Webhooks

/// Alerts as webhooks: each a POST of JSON to one URL, signed as Standard Webhooks says.
public struct WebhookPlace: AlertPlace {
    /// `webhook`.
    public let name = "webhook"
    /// What is tried tells.
    public let isReachable = true

    private let url: WebhookURL
    private let sender: WebhookSender
    private let now: @Sendable () -> String

    /// Alerts that `sender` sends to `url`.
    ///
    /// - Parameters:
    ///   - url: whom to tell
    ///   - sender: sends, to allowed hosts alone
    ///   - now: the time of day as in RFC 3339
    public init(_ url: WebhookURL, by sender: WebhookSender, now: @escaping @Sendable () -> String) {
        self.url = url
        self.sender = sender
        self.now = now
    }

    /// Sends each alert.
    public func tell(_ alerts: [Alert], token: String?) async -> AlertVerdict {
        for alert in alerts {
            let body = JSONWriter.document { json in
                json.object { json in
                    json.member("type", "segment.\(alert.phase.rawValue)")
                    json.member("timestamp", now())
                    json.key("data")
                    json.object { alert.members(to: &$0) }
                }
            }
            guard let message = WebhookMessage(id: "\(alert.segment)-\(alert.phase.rawValue)", body: body) else {
                return .refused(reason: "its name can't be sent")
            }
            switch await sender.deliver(message, to: url) {
            case .delivered: continue
            case .gone: return .refused(reason: "the receiver answered 410")
            case .refused(let reason): return .refused(reason: reason)
            case .failed(let reason, let retryAfter): return .failed(reason: reason, retryAfter: retryAfter)
            }
        }
        return .told()
    }
}
