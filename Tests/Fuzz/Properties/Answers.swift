@testable import HTTPClient

/// What an answer was found to be.
private enum AnswerOutcome: Equatable {
    case whole(Answer, end: Int)
    case refused(AnswerError)
    case unfinished
    case ended(Answer)
}

/// A server's answer: however its bytes are cut, it is the same.
func checkAnswer(_ input: UnsafeRawBufferPointer) {
    let outcome = checkPieces(input) { input, pieces -> AnswerOutcome in
        var reader = AnswerReader(largestBody: 2_048)
        for piece in pieces {
            let step = withExactCopy(of: input, piece) { bytes -> AnswerOutcome in
                bytes.withMemoryRebound(to: UInt8.self) { buffer in
                    var position = 0
                    do throws(AnswerError) {
                        let answer = try reader.consume(buffer.span, at: &position)
                        require(answer != nil || position == buffer.count, "a reader that waits has read all")
                        return answer.map { .whole($0, end: piece.lowerBound + position) } ?? .unfinished
                    } catch {
                        return .refused(error)
                    }
                }
            }
            if step != .unfinished { return step }
        }
        return reader.end().map { .ended($0) } ?? .unfinished
    }
    let answer: Answer
    switch outcome {
    case .whole(let whole, let end):
        require(whole.received == end, "what was taken is what has come")
        answer = whole
    case .ended(let whole):
        require(whole.received == input.count && whole.closes, "the end of the connection is that of the answer")
        answer = whole
    case .refused, .unfinished: return
    }
    let head = answer.head
    require(head.status == 101 || (200...599).contains(head.status), "\(head.status) is a last status")
    require(answer.received - answer.body.count >= 16, "a body is not the head")
    require(answer.body.count <= 2_048, "the limit holds")
    require(head.bodyLength.map { $0 == answer.body.count } ?? true, "the length is that of the body")
    if let delay = head.retryAfter.flatMap({ RetryAfter.delay($0, now: 1_700_000_000) }) {
        require(delay >= .zero && delay <= RetryAfter.longest, "a delay is from nothing to a day")
    }
}
