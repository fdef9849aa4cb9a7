import TestSupport
import Testing

@testable import HTTP

@Suite("multipart forms (RFC 7578)")
struct MultipartTests {
    struct Part: Equatable {
        var name: String
        var filename: String?
        var contentType: String?
        var content: String
    }

    private func parse(_ text: String, pieces size: Int = .max, limits: MultipartLimits = MultipartLimits()) throws
        -> [Part]
    {
        var parser = try MultipartParser(boundary: "XyZ", limits: limits)
        var parts: [Part] = []
        var isOpen = false
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            for event in try parser.consume(Array(rest.prefix(size))) {
                switch event {
                case .partBegan(let part):
                    #expect(!isOpen)
                    isOpen = true
                    parts.append(
                        Part(
                            name: part.name, filename: part.filename, contentType: part.contentType?.essence,
                            content: ""))
                case .data(let bytes):
                    #expect(isOpen && !bytes.isEmpty)
                    parts[parts.count - 1].content += String(decoding: bytes, as: UTF8.self)
                case .partEnded: isOpen = false
                }
            }
            rest = rest.dropFirst(size)
        }
        try parser.finish()
        return parts
    }

    private static let form =
        "preamble\r\n--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhello\r\n--Xy\r\n\r\n--XyZ \t\r\n"
        + "Content-Type: application/x-npy\r\ncontent-disposition: form-data; name=b; filename=\"C:\\x \\\"y\\\".npy\"\r\n\r\n"
        + "\r\n\r\n--XyZ\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--XyZ--\r\nepilogue"
    private static let parts = [
        Part(name: "a", filename: nil, contentType: nil, content: "hello\r\n--Xy\r\n"),
        Part(name: "b", filename: "C:\\x \"y\".npy", contentType: "application/x-npy", content: "\r\n"),
        Part(name: "empty", filename: nil, contentType: nil, content: ""),
    ]

    @Test("parts are the same however the body is cut", arguments: [1, 2, 3, 5, 7, 11, 50, 1000])
    func cuts(size: Int) throws {
        #expect(try parse(Self.form, pieces: size) == Self.parts)
    }

    @Test("parts are the same wherever the body is cut first")
    func everyCut() throws {
        for size in 1...Self.form.utf8.count {
            #expect(try parse(Self.form, pieces: size) == Self.parts, "in pieces of \(size) bytes")
        }
    }

    @Test("a part without content may have its boundary right behind its headers (RFC 2046, 5.1.1)")
    func noContent() throws {
        let form = "--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\n--XyZ--"
        #expect(try parse(form, pieces: 1) == [Part(name: "a", content: "")])
    }

    @Test(
        "broken forms are refused",
        arguments: [
            ("", MultipartError.endedEarly(part: 1)),
            ("--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\nhello", .endedEarly(part: 1)),
            ("--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\nhello\r\n--XyZ", .endedEarly(part: 1)),
            ("--XyZ\r\n\r\nhello\r\n--XyZ--", .missingName(part: 1)),
            ("--XyZ\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--XyZ--", .missingName(part: 1)),
            ("--XyZ\r\nno colon\r\n\r\n\r\n--XyZ--", .malformedPartHeader(part: 1)),
            ("--XyZabc", .malformedBoundary(part: 0)),
            ("--XyZ\r\nA: " + String(repeating: "a", count: 9000), .partHeadersTooLarge(part: 1, limit: 8192)),
            (String(repeating: "a", count: 5000), .surroundingsTooLarge(limit: 4096)),
        ])
    func broken(form: String, error: MultipartError) {
        #expect(throws: error) { try parse(form) }
        #expect(throws: error) { try parse(form, pieces: 1) }
    }

    @Test("headers of the limit's length are taken, and longer ones refused, however they are cut")
    func headerLimit() throws {
        let headers = "\r\nContent-Disposition: form-data; name=a"
        let form = "--XyZ\(headers)\r\n\r\nx\r\n--XyZ--"
        var limits = MultipartLimits()
        for size in [1, 2, 3, 5, 1000] {
            limits.maxPartHeaderBytes = headers.utf8.count
            #expect(try parse(form, pieces: size, limits: limits).map(\.content) == ["x"])
            limits.maxPartHeaderBytes -= 1
            let limit = limits.maxPartHeaderBytes
            #expect(throws: MultipartError.partHeadersTooLarge(part: 1, limit: limit)) {
                try parse(form, pieces: size, limits: limits)
            }
        }
    }

    @Test("the number of parts is limited")
    func manyParts() {
        let part = "--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
        #expect(throws: MultipartError.tooManyParts(limit: 64)) { try parse(String(repeating: part, count: 65)) }
    }

    @Test(
        "a boundary has 1 to 70 characters and is there",
        arguments: [
            "multipart/form-data", "multipart/form-data; boundary=\"\"", "text/plain; boundary=a",
            "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=" + String(repeating: "a", count: 71),
        ])
    func boundary(contentType: String) throws {
        let media = try #require(MediaType(contentType))
        #expect(throws: MultipartError.invalidBoundary) { try MultipartParser(contentType: media) }
    }

    @Test("changed forms never crash, and are the same in pieces", arguments: 1...4 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for round in 0..<300 {
            var bytes = Array(Self.form.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] =
                    [13, 10, 45, 34, 58, 90][Int.random(in: 0..<6, using: &random)]
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let whole = Result { try parse(text) }
            let pieces = Result { try parse(text, pieces: Int.random(in: 1...5, using: &random)) }
            #expect((try? whole.get()) == (try? pieces.get()), "seed \(seed), round \(round)")
        }
    }
}
