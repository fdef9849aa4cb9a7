/// The bytes of one notice's request.
enum WebhookRequest {
    static func bytes(
        _ message: WebhookMessage, to url: WebhookURL, timestamp: Int, signatures: String
    ) -> [UInt8] {
        let lines = [
            "POST \(url.target) HTTP/1.1",
            "Host: \(url.authority)",
            "User-Agent: vigil",
            "Content-Type: application/json",
            "Content-Length: \(message.body.count)",
            "webhook-id: \(message.id)",
            "webhook-timestamp: \(timestamp)",
            "webhook-signature: \(signatures)",
            "Connection: close",
            "", "",
        ]
        return Array(lines.joined(separator: "\r\n").utf8) + message.body
    }
}
