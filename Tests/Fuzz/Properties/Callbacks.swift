@testable import Webhooks

/// A URL for notices, and a pattern of hosts: what is read reads back from what is written, and is nothing but what may
/// stand in a request.
func checkCallback(_ input: UnsafeRawBufferPointer) {
    let text = String(decoding: input, as: UTF8.self)
    if let pattern = try? HostPattern(text) {
        require((try? HostPattern(pattern.description)) == pattern, "\(pattern) reads back")
    }
    guard let url = try? WebhookURL(text) else { return }
    require((try? WebhookURL(url.text)) == url, "\(url.text) reads back")
    require(url.text.utf8.count <= WebhookURL.maxBytes, "the limit holds")
    require(url.text.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "all bytes are visible")
    require(url.target.utf8.first == UInt8(ascii: "/"), "a target begins with a slash")
    require(!url.text.utf8.contains(UInt8(ascii: "#")) && !url.authority.contains("@"), "no fragment, nobody's name")
    require(url.description == "\(url.scheme)://\(url.authority)", "a description has no path")
    require((try? HostPattern("\(url.host):\(url.port)"))?.matches(url) == true, "its own host and port are a pattern")
    guard case .address(let address) = url.host else { return }
    let other = address.withSocketAddress(port: url.port) { NetworkAddress($0, length: $1) }
    require(other == address && other?.addressClass == address.addressClass, "the kernel's form is the same address")
}

/// What an answer's head was found to be.
private enum AnswerOutcome: Equatable {
    case head(AnswerHead, end: Int)
    case refused(AnswerError)
    case unfinished
}

/// The head of a receiver's answer.
func checkAnswer(_ input: UnsafeRawBufferPointer) {
    let outcome = checkPieces(input) { input, pieces -> AnswerOutcome in
        var reader = AnswerHeadReader()
        for piece in pieces {
            let step = withExactCopy(of: input, piece) { bytes -> AnswerOutcome in
                bytes.withMemoryRebound(to: UInt8.self) { buffer in
                    var position = 0
                    do throws(AnswerError) {
                        let head = try reader.consume(buffer.span, at: &position)
                        require(head != nil || position == buffer.count, "a reader that waits has read all")
                        return head.map { .head($0, end: piece.lowerBound + position) } ?? .unfinished
                    } catch {
                        return .refused(error)
                    }
                }
            }
            if step != .unfinished { return step }
        }
        return .unfinished
    }
    guard case .head(let head, let end) = outcome else { return }
    require(head.status == 101 || (200...599).contains(head.status), "\(head.status) is a last status")
    require(end <= AnswerHeadReader.maxBytes, "the limit holds")
    require(input[..<end].suffix(4).elementsEqual("\r\n\r\n".utf8), "a head ends with an empty line")
    require(head.bodyLength ?? 0 >= 0, "a length is no negative number")
    if let delay = head.retryAfter.flatMap({ RetryAfter.delay($0, now: 1_700_000_000) }) {
        require(delay >= .zero && delay <= RetryAfter.longest, "a delay is from nothing to a day")
    }
}
