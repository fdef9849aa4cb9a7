import HTTPTypes
import Testing

@testable import HTTP

@Suite("Accept-Encoding chooses the coding of an answer (rule 26)")
struct AcceptEncodingTests {
    @Test(
        "weights, names and the asterisk (9110, 12.5.3)",
        arguments: [
            (nil, nil), ("", nil), ("gzip", .gzip), ("deflate", .deflate), ("identity", nil), ("br", nil),
            ("zstd, br", nil), ("GZip", .gzip), ("x-gzip", .gzip), ("gzip, deflate, br, zstd", .gzip),
            ("deflate, gzip", .gzip), ("gzip;q=0", nil), ("gzip;q=0.000", nil), ("gzip;q=0, deflate", .deflate),
            ("gzip;q=0.5, deflate;q=0.8", .deflate), ("gzip;q=0.5,deflate;q=0.501", .deflate),
            ("gzip;q=0.001", .gzip), ("*", .gzip), ("*;q=0.1", .gzip), ("*;q=0", nil), ("gzip;q=0, *", .deflate),
            ("*, gzip;q=0, deflate;q=0", nil), ("gzip;q=0.5, *", .deflate), ("identity, gzip;q=0.5", nil),
            ("identity;q=0.5, gzip;q=0.5", .gzip), ("identity;q=0.4, gzip;q=0.5", .gzip),
            ("identity;q=0, gzip", .gzip), ("*;q=0, gzip", .gzip), ("gzip; q=0.3 , deflate ;q=0.2", .gzip),
            ("gzip;q=2", nil), ("gzip;q=", nil), ("gzip;q=0.1234", nil), (",,gzip,", .gzip), ("gzip;Q=0", nil),
            ("gzip;q=0, gzip", nil), ("\"gzip\"", nil), ("gzip;level=9", .gzip),
        ] as [(String?, ContentCoding?)])
    func preferred(text: String?, coding: ContentCoding?) {
        #expect(AcceptEncoding(text).preferred == coding)
    }

    @Test(
        "a plain answer is ruled out by name or by an asterisk alone",
        arguments: [
            (nil, true), ("", true), ("gzip", true), ("identity", true), ("identity;q=0", false), ("*;q=0", false),
            ("*;q=0, identity;q=0.1", true), ("gzip, *;q=0", false), ("br", true), ("identity;q=0.0", false),
        ] as [(String?, Bool)])
    func identity(text: String?, isTaken: Bool) {
        #expect(AcceptEncoding(text).takesIdentity == isTaken)
    }
}

@Suite("Content-Encoding names the coding of a body")
struct ContentCodingTests {
    private func coding(_ lines: [String]) throws(HTTPProblem) -> ContentCoding? {
        try ContentCoding.ofBody(HeaderFields(lines.map { (name: .contentEncoding, value: $0) }))
    }

    @Test(
        "names that are taken",
        arguments: [
            ([], nil), (["gzip"], .gzip), (["GZIP"], .gzip), (["x-gzip"], .gzip), (["deflate"], .deflate),
            (["identity"], nil), ([""], nil), (["identity, gzip"], .gzip), (["identity", "deflate"], .deflate),
        ] as [([String], ContentCoding?)])
    func taken(lines: [String], expected: ContentCoding?) throws {
        #expect(try coding(lines) == expected)
    }

    @Test(
        "others, and several on top of each other, are 415 with what is taken (9110, 15.5.16)",
        arguments: [["br"], ["zstd"], ["gzip, gzip"], ["gzip", "deflate"], ["gzip;q=1"], ["gzip gzip"], ["*"]])
    func refused(lines: [String]) {
        let problem = #expect(throws: HTTPProblem.self) { try coding(lines) }
        #expect(problem?.status == .unsupportedMediaType)
        #expect(problem?.fields[.acceptEncoding] == "gzip, deflate")
    }
}
