import Testing

@testable import vigil

@Suite("Events of a stream")
struct EventReaderTests {
    private static let stream = """
        \u{FEFF}retry: 2000

        : a comment
        event: status
        id: 1
        data: {"a":1}

        data: one
        data: two
        data

        event: nothing

        id: bad id
        id
        data:x

        """

    private static func events(_ text: String, cut: Int? = nil) throws -> (events: [StreamEvent], reader: EventReader) {
        var reader = EventReader()
        var found: [StreamEvent] = []
        let bytes = Array(text.utf8)
        let pieces = cut.map { [Array(bytes[..<$0]), Array(bytes[$0...])] } ?? [bytes]
        for piece in pieces {
            try reader.consume(piece, failing: { $0 as any Error }) { (event) throws(any Error) in found.append(event) }
        }
        return (found, reader)
    }

    @Test("names, data of several lines, ids that stay, comments and lone names", arguments: ["\n", "\r\n", "\r"])
    func events(lineEnd: String) throws {
        let text = Self.stream.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: lineEnd)
        let (found, reader) = try Self.events(text + lineEnd)
        #expect(
            found == [
                StreamEvent(name: "status", data: Array("{\"a\":1}".utf8), id: "1"),
                StreamEvent(name: "message", data: Array("one\ntwo\n".utf8), id: "1"),
                StreamEvent(name: "message", data: Array("x".utf8), id: ""),
            ])
        #expect(reader.pause == .seconds(2))
    }

    @Test("read in two pieces, wherever they are cut, they are the same")
    func pieces() throws {
        for text in [Self.stream + "\n", Self.stream.split(separator: "\n").joined(separator: "\r\n") + "\r\n\r\n"] {
            let whole = try Self.events(text).events
            for cut in 0...text.utf8.count { #expect(try Self.events(text, cut: cut).events == whole) }
        }
    }

    @Test("an id counts once its event is whole: a stream that breaks before is gone on with before it")
    func unfinished() throws {
        #expect(try Self.events("id: 1\ndata: a\n\nid: 2\ndata: b\n").reader.lastID == "1")
    }

    @Test("an id that is no field's value is none, and an event that has no end is an error")
    func hostile() throws {
        #expect(try Self.events("id: 7\nid: a\u{7}b\ndata: x\n\n").events.first?.id == "7")
        var reader = EventReader()
        #expect(throws: (any Error).self) {
            let piece = [UInt8](repeating: 97, count: 1 << 20)
            for _ in 0...(EventReader.largest >> 20) {
                try reader.consume(piece, failing: { $0 as any Error }) { (_) throws(any Error) in }
            }
        }
    }
}
