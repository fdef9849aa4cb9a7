import TestSupport
import Testing

@testable import HTTP

@Suite("A connection never waits for itself")
struct ConnectionPropertyTests {
    @Test(
        "whatever the pace of peer and handlers: each request is answered whole and in order, and the connection ends",
        arguments: 0..<8 as Range<UInt64>)
    func paces(part: UInt64) {
        for seed in (part * 40)...(part * 40 + 39) {
            var peer = PacedPeer(seed: seed)
            var steps = 0
            while !peer.isDone, steps < 20_000, peer.step() { steps += 1 }
            #expect(peer.isDone, "seed \(seed) stands after \(steps) steps: \(peer.standing)")
            #expect(Self.answers(in: peer.received) == peer.script.answers, "seed \(seed)")
        }
    }

    /// The answers that follow one another in `bytes`, but for 100 Continue; what is no whole answer has the id -1.
    static func answers(in bytes: [UInt8]) -> [PacedScript.Answer] {
        var rest = bytes[...]
        var answers: [PacedScript.Answer] = []
        while !rest.isEmpty {
            guard let head = cut(&rest, "\r\n\r\n") else { return answers + [.init(id: -1, body: "no head")] }
            let lines = head.split(separator: "\r\n")
            if lines.first == "HTTP/1.1 100 Continue" { continue }
            func value(_ name: String) -> Substring? {
                lines.first { $0.hasPrefix(name + ": ") }?.dropFirst(name.utf8.count + 2)
            }
            guard let id = value("X-Request-Id").flatMap({ Int($0) }) else {
                return answers + [.init(id: -1, body: head)]
            }
            var body: String? = ""
            if value("Transfer-Encoding") != nil {
                body = chunked(&rest)
            } else if let length = value("Content-Length").flatMap({ Int($0) }), !isHead(rest) {
                body = rest.count < length ? nil : String(decoding: rest.prefix(length), as: UTF8.self)
                rest = rest.dropFirst(length)
            }
            answers.append(.init(id: body == nil ? -1 : id, body: body ?? "no end"))
        }
        return answers
    }

    /// Only what is asked by HEAD has the next answer, or nothing, where a body of its length would be.
    private static func isHead(_ rest: ArraySlice<UInt8>) -> Bool {
        rest.isEmpty || rest.starts(with: "HTTP/1.1 ".utf8)
    }

    private static func chunked(_ rest: inout ArraySlice<UInt8>) -> String? {
        var text = ""
        while let line = cut(&rest, "\r\n"), let size = Int(line, radix: 16), rest.count >= size + 2 {
            text += String(decoding: rest.prefix(size), as: UTF8.self)
            rest = rest.dropFirst(size + 2)
            if size == 0 { return text }
        }
        return nil
    }

    private static func cut(_ rest: inout ArraySlice<UInt8>, _ mark: String) -> String? {
        let mark = Array(mark.utf8)
        guard let at = rest.indices.first(where: { rest[$0...].starts(with: mark) }) else { return nil }
        defer { rest = rest[(at + mark.count)...] }
        return String(decoding: rest[..<at], as: UTF8.self)
    }
}
