import HTTPTypes
import Testing

@testable import HTTP

@Suite("HEAD is answered as GET, without a body (rule 15)")
struct HeadTests {
    static let examples = RequestExample.all.filter { $0.raw.hasPrefix("GET ") && $0.statuses.count == 1 }

    /// What is sent to a request, where problems are told whole.
    private func answer(to raw: String, after pause: Duration = .zero) -> String {
        let connection = StateHarness(render: { problem, _, _ in
            Response(status: problem.status, text: "\(problem.slug): \(problem.detail)")
        })
        connection.feed(raw)
        if pause > .zero { connection.pass(pause) }
        return connection.sent
    }

    private func head(of answer: String) -> String {
        // By bytes: a body may begin with a mark that Swift puts on the line end before it.
        var end: [UInt8] = []
        let head = answer.utf8.prefix { byte in
            defer { end = end.suffix(3) + [byte] }
            return !end.elementsEqual("\r\n\r\n".utf8)
        }
        return String(decoding: Array(head), as: UTF8.self)
    }

    @Test("each answer, errors too, has the fields that GET's has and no body", arguments: examples)
    func sameFields(example: RequestExample) {
        #expect(answer(to: "HEAD" + example.raw.dropFirst(3)) == head(of: answer(to: example.raw)))
    }

    @Test("a head that does not come in time is answered without a body too")
    func slowHead() {
        for pieces in ["HEAD / HTTP/1.1\r\nHost", "HEAD /"] {
            let answer = answer(to: pieces, after: .seconds(11))
            #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.hasSuffix("\r\n\r\n"))
            #expect(!answer.contains("Content-Length: 0"))
        }
    }

    @Test("so is one that is told in pieces, byte by byte")
    func pieces() {
        let connection = StateHarness()
        connection.feed(Array("HEAD / HTTP/1.1\r\n\r\n".utf8), pieces: 1)
        #expect(connection.statuses == [400] && connection.sent.hasSuffix("\r\n\r\n"))
    }
}
