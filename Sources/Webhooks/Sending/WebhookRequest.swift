import HTTPClient

/// The bytes of one notice's request.
enum WebhookRequest {
    static func bytes(
        _ message: WebhookMessage, to url: WebhookURL, timestamp: Int, signatures: String
    ) -> [UInt8] {
        ClientRequest(
            "POST", url.target, authority: url.authority,
            fields: [
                ("User-Agent", "vigil"), ("Content-Type", "application/json"), ("webhook-id", message.id),
                ("webhook-timestamp", "\(timestamp)"), ("webhook-signature", signatures), ("Connection", "close"),
            ], body: message.body
        ).bytes
    }
}
