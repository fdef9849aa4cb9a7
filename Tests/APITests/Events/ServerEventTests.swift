import Testing

@testable import API

@Suite("Server-sent events as text")
struct ServerEventTests {
    private func text(_ data: String) -> String {
        String(decoding: ServerEvent(name: "scores", id: "3", data: Array(data.utf8)).bytes, as: UTF8.self)
    }

    @Test("an event has its name, its id and its data, and ends with an empty line")
    func fields() {
        #expect(text("{}") == "event: scores\nid: 3\ndata: {}\n\n")
    }

    @Test(
        "no line end in the data ends the event",
        arguments: [
            ("a\nb", "data: a\ndata: b\n\n"), ("a\r\nb", "data: a\ndata: b\n\n"), ("a\rb", "data: a\ndata: b\n\n"),
            ("\n\n", "data: \ndata: \ndata: \n\n"), ("a\r", "data: a\ndata: \n\n"),
            ("\r\r\n\n", "data: \ndata: \ndata: \ndata: \n\n"),
        ])
    func lines(data: String, lines: String) {
        #expect(text(data) == "event: scores\nid: 3\n" + lines)
    }

    @Test("a position is read as it was written", arguments: [0, 1, 7, 6_250])
    func positions(chunks: Int) {
        for isEnd in [false, true] {
            var position = EventPosition()
            position.chunks = chunks
            position.isEnd = isEnd
            #expect(EventPosition(lastEventID: position.id, chunks: chunks) == position)
        }
    }

    @Test(
        "what is no position among a job's chunks is the beginning",
        arguments: [
            nil, "", "x", "-1", "+1", "1.", "1.en", ".end", "1.end.end", "9", "9.end", " 1", "1 ", "0x1", "1e0", "١",
            "99999999999999999999999", "18446744073709551617", "1\u{0}",
        ])
    func garbage(text: String?) {
        #expect(EventPosition(lastEventID: text, chunks: 8) == EventPosition())
    }
}
