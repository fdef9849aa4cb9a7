import HTTPClient
import JSON
import Platform

/// What came of sending spans once, as OTLP says it of HTTP's answers.
enum ExportVerdict: Equatable {
    /// They were taken, but for so many.
    case taken(rejected: Int, reason: String)
    /// They may be sent again, no sooner than the collector asks for.
    case again(reason: String, after: Duration?)
    /// They won't be taken.
    case refused(reason: String)

    /// What is kept of a collector's words, which are anybody's and may be long.
    private static let mostWords = 400

    /// - Parameter now: seconds since 1970
    init(_ answer: Answer, now: Int) {
        switch answer.status {
        case 200...299:
            let (rejected, reason) = Self.partialSuccess(answer)
            self = .taken(rejected: rejected, reason: reason)
        case 429, 502, 503, 504:
            self = .again(
                reason: "the collector answered \(answer.status)",
                after: answer.head.retryAfter.flatMap { RetryAfter.delay($0, now: now) })
        default: self = .refused(reason: "the collector answered \(answer.status)")
        }
    }

    init(_ error: ClientError) {
        self = .again(reason: error.words(for: "collector"), after: nil)
    }

    /// How many spans a collector did not take of a request that it took, and why. What can't be read says nothing.
    private static func partialSuccess(_ answer: Answer) -> (rejected: Int, reason: String) {
        if answer.contentType.asciiLowercase.begins(with: "application/json") {
            let partial = (try? JSONReader.parse(answer.body, maxBytes: 1 << 20))?["partialSuccess"]
            let rejected = partial?["rejectedSpans"].flatMap { $0.string.flatMap { Int($0) } ?? $0.integer }
            return (max(0, rejected ?? 0), words(partial?["errorMessage"]?.string?.utf8))
        }
        guard let partial = ProtobufReader(answer.body[...]).bytes(1),
            let rejected = ProtobufReader(partial).varint(1).flatMap({ Int(exactly: $0) })
        else { return (0, "") }
        return (rejected, words(ProtobufReader(partial).bytes(2)))
    }

    private static func words(_ bytes: (some Collection<UInt8>)?) -> String {
        guard let bytes else { return "" }
        let text = String(decoding: bytes.prefix(mostWords), as: UTF8.self)
        return bytes.count > mostWords ? text + "…" : text
    }
}
