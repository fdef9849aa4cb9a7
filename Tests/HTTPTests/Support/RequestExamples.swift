import Testing

/// Raw requests with the statuses that answer them, by the rules of the task's table.
struct RequestExample: Sendable, CustomTestStringConvertible {
    let rule: String
    let raw: String
    let statuses: [Int]
    /// Whether the connection ends after the answers.
    let closes: Bool

    init(_ rule: String, _ raw: String, _ statuses: [Int], closes: Bool = false) {
        self.rule = rule
        self.raw = raw
        self.statuses = statuses
        self.closes = closes
    }

    var testDescription: String { "\(rule): \(raw.debugDescription.prefix(100))" }

    private static func get(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n" }

    private static func field(_ line: String) -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n" }

    private static func post(_ fields: String, _ body: String = "") -> String {
        "POST /count HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
    }

    private static func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked", body) }

    private static func refused(_ rule: String, _ status: Int, _ raws: [String]) -> [RequestExample] {
        raws.map { RequestExample(rule, $0, [status], closes: true) }
    }

    private static func answered(_ rule: String, _ status: Int, _ raws: [String]) -> [RequestExample] {
        raws.map { RequestExample(rule, $0, [status]) }
    }

    static let all: [RequestExample] = framing + chunks + fields + requestLines + targets + semantics + connections

    static let framing: [RequestExample] = [[RequestExample]]([
        refused("1 both framings (9112, 6.1)", 400, [post("Content-Length: 3\r\nTransfer-Encoding: chunked", "abc")]),
        refused(
            "2 Content-Length (9110, 8.6)", 400,
            ["5, 5", "+5", "-1", "0x5", "5 5", "", "9223372036854775808", "1e3", "5;"].map {
                post("Content-Length: \($0)")
            }
                + [post("Content-Length: 5\r\nContent-Length: 6")]),
        answered(
            "2 Content-Length (9110, 8.6)", 200,
            [
                post("Content-Length: 3", "abc"), post("Content-Length: 003", "abc"),
                post("Content-Length:  3\t", "abc"),
                post("Content-Length: 3\r\nContent-Length: 3", "abc"), post("Content-Length: 0"),
            ]),
        refused(
            "3 Transfer-Encoding (9112, 6.1)", 400,
            [
                "xchunked", "chun\u{212A}ed", "CHUN\u{212A}ED", "chunked, identity", "chunked, chunked", "",
                "chunked;a=b", "gzip", "\"chunked\"", ",chunked",
            ]
            .map { post("Transfer-Encoding: \($0)") }
                + [
                    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
                    "POST /count HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                ]),
        refused("3 an unknown coding before chunked (9112, 6.1)", 501, [post("Transfer-Encoding: gzip, chunked")]),
        answered("3 case does not matter (9112, 7)", 200, [post("Transfer-Encoding: Chunked", "0\r\n\r\n")]),
    ]).flatMap { $0 }

    static let chunks: [RequestExample] = [[RequestExample]]([
        refused(
            "4 chunk sizes (9112, 7.1)", 400,
            [
                "+3\r\nabc\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n", " 3\r\nabc\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n",
                "0x3\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\rabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n",
                "3\r\nabc0\r\n\r\n", "\r\n", "g\r\n", "8000000000000000\r\n", "ffffffffffffffffff\r\n",
                String(repeating: "0", count: 33) + "\r\n", "3\r\nabc\n0\r\n\r\n", "3\r\nabc\r0\r\n\r\n",
            ].map(chunked)),
        refused(
            "5 extensions (9112, 7.1.1)", 400,
            [
                "3;\r\nabc\r\n0\r\n\r\n", "3;a=\r\nabc\r\n0\r\n\r\n", "3;a=\"b\r\nabc\r\n0\r\n\r\n",
                "3;a\nabc\r\n0\r\n\r\n",
                "3;a=b c\r\nabc\r\n0\r\n\r\n", "3;a=\"b\"c\r\nabc\r\n0\r\n\r\n",
            ].map(chunked)),
        refused(
            "5 trailers (9112, 7.1.2)", 400,
            [
                "0\r\n: a\r\n\r\n", "0\r\na b: c\r\n\r\n", "0\r\na: b\u{1}\r\n\r\n", "0\r\na: b\n\r\n",
                "0\r\n a: b\r\n\r\n",
            ]
            .map(chunked)),
        answered(
            "4, 5 chunked bodies (9112, 7.1)", 200,
            [
                "3\r\nabc\r\n0\r\n\r\n", "A\r\n0123456789\r\n000\r\n\r\n", "3;a;b=c;d=\"e\\\"f\"\r\nabc\r\n0\r\n\r\n",
                "3; a ; b = c\r\nabc\r\n0\r\n\r\n", "0\r\nContent-Length: 5\r\nHost: b\r\n\r\n",
                "0003\r\nabc\r\n0;x\r\n\r\n",
            ].map(chunked)),
    ]).flatMap { $0 }

    static let fields: [RequestExample] = [[RequestExample]]([
        refused(
            "6 field lines (9112, 5)", 400,
            [
                "A : b", ": b", "A b: c", "A", "A\u{0}: b", "A: b\u{0}c", "A: b\rc", "A: b\u{1}", "A: b\u{7F}",
                "A: b\r\n c",
                " A: b", "Ä: b", "A: b\r\n\t",
            ].map(field)),
        answered(
            "6 field lines (9112, 5)", 200,
            ["A:b", "A: \t b \t", "A:", "A:  ", "A: ä", "A: b\tc", "!#$%&'*+-.^_`|~9: b", "Transfer_Encoding: x"].map(
                field)),
        refused(
            "7 line ends (9112, 2.2)", 400,
            [
                "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
                "GET / HTTP/1.1\rHost: a\r\n\r\n", "\n" + get("/"), "\r\n\r\n" + get("/"), "\r" + get("/"),
            ]),
        answered("7 an empty line before the request (9112, 2.2)", 200, ["\r\n" + get("/")]),
        refused(
            "9 Host (9112, 3.2)", 400,
            [
                "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
            ]
                + [
                    "[zz]", "[::g]", "[127.0.0.1]", "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7]", "[1::2::3]", "[:::]",
                    "[12345::]", "[::1%25eth0]", "[::1%eth0]", "[::256.1.1.1]", "[::1.2.3]", "[::01.2.3.4]", "[v]",
                    "[v1]", "[v1.]", "[v.a]", "[vg.a]", "[a.b]", "[::1]a", "[[::1]]", "[::\u{FF11}]",
                ].map { "GET / HTTP/1.1\r\nHost: \($0)\r\n\r\n" }
                + ["", "a b", "a/b", "a@b", "a:b", "a:1:2", "[::1", "[]", "a,b c", "a%2", "ä", "a:123456"].map {
                    "GET / HTTP/1.1\r\nHost: \($0)\r\n\r\n"
                }),
        answered(
            "9 Host (9112, 3.2)", 200,
            [
                "a", "a.b:80", "127.0.0.1:8080", "[::1]:80", "[::]", "[2001:DB8::1]:", "[1:2:3:4:5:6:7:8]",
                "[1:2:3:4:5:6:7::]", "[::ffff:192.0.2.1]:8080", "[v1.a:b]", "[V1F.x]:80", "a:", "0.0.0.0=5000", "a%20b",
            ].map {
                "GET / HTTP/1.1\r\nHost: \($0)\r\n\r\n"
            }),
    ]).flatMap { $0 }

    static let requestLines: [RequestExample] = [[RequestExample]]([
        refused(
            "8 request lines (9112, 3)", 400,
            [
                "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", "GET /  HTTP/1.1\r\n\r\n",
                "GET\t/\tHTTP/1.1\r\n\r\n",
                "GET /\r\n\r\n", "GET\r\n\r\n", " GET / HTTP/1.1\r\n\r\n", "GET / http/1.1\r\n\r\n",
                "GET / HTTP/1.2\r\n\r\n",
                "GET / HTTP/11\r\n\r\n", "GET / HTTP/1.10\r\n\r\n", "GET / HTTP/1\r\n\r\n", "GET / a HTTP/1.1\r\n\r\n",
                "G(T / HTTP/1.1\r\n\r\n", "GET / FTP/1.1\r\n\r\n", "GET HTTP/1.1\r\nHost: a\r\n\r\n",
                "\u{16}\u{3}\u{1}",
            ]),
        refused(
            "8 other versions (9110, 2.5)", 505,
            [
                "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/0.9\r\n\r\n", "GET / HTTP/3.1\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            ]),
    ]).flatMap { $0 }

    static let targets: [RequestExample] = [[RequestExample]]([
        refused(
            "10 target forms (9112, 3.2)", 400,
            [
                get("*"), get("a"), get("example.com:80"), get("ftp://a/"), get("http://"), get("http:///x"),
                get("http://a b/"),
                get("http://u@a/"), get("http://[zz]/"), get("http://[127.0.0.1]/"), get("https://[::g]:80/x"),
                get("http://[::1%25eth0]"), "CONNECT [zz]:80 HTTP/1.1\r\nHost: a\r\n\r\n",
                "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS a HTTP/1.1\r\nHost: a\r\n\r\n",
            ]),
        answered(
            "10 target forms (9112, 3.2)", 200,
            ["http://b/", "http://b", "HTTPS://b:1/", "http://b?x=1", "http://[::1]/path/a", "/?a", "/path/a?b?c/d"]
                .map(get)),
        answered("10 OPTIONS (9110, 9.3.7)", 204, ["OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"]),
        [RequestExample("10 CONNECT (9110, 9.3.6)", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", [501])],
        refused(
            "11 percent-encoding (3986, 2.1)", 400,
            [
                "/%zz", "/%", "/%4", "/%00", "/a%0ab", "/%7f", "/%c0%af", "/%ff", "/%ed%a0%80", "/..%2f", "/a%2Fb",
                "/..", "/a/../b",
                "/./a", "/%2e%2e/a", "/.%2e", "/#a", "/ä", "/a\u{1}", "/a\\b", "/a|b", "/?a=%zz", "/?a=%00", "/?%ff=1",
                "/?a#b",
                "/\"", "/<a>",
            ].map(get)),
        answered(
            "11 percent-encoding (3986, 2.1)", 200,
            ["/path/%41", "/path/...", "/path/a..b", "/path/%c3%a4", "/path/%cc%81a", "/?%20=+"].map(get)),
    ]).flatMap { $0 }

    static let semantics: [RequestExample] = [[RequestExample]]([
        [
            RequestExample(
                "13 declared too large (9110, 15.5.14)",
                post("Content-Length: 1001", String(repeating: "a", count: 1001)), [413]),
            RequestExample("13 far too large (9110, 15.5.14)", post("Content-Length: 9000000"), [413], closes: true),
            RequestExample(
                "13 chunks too large (9110, 15.5.14)", chunked("3e9\r\n" + String(repeating: "a", count: 1001)), [413],
                closes: true),
            RequestExample("14 an unknown expectation (9110, 10.1.1)", field("Expect: tea"), [417]),
            RequestExample(
                "14 no expectations in 1.0 (9110, 10.1.1)", "GET / HTTP/1.0\r\nExpect: tea\r\n\r\n", [200], closes: true
            ),
            RequestExample(
                "14 refused before the body (9110, 10.1.1)",
                "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
                [404], closes: true),
            RequestExample("16 wrong method (9110, 15.5.6)", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", [405]),
            RequestExample("16 QUERY, which no path takes", "QUERY / HTTP/1.1\r\nHost: a\r\n\r\n", [405]),
            RequestExample("16 wrong method for GET (9110, 15.5.6)", get("/count"), [405]),
            RequestExample("16 unknown path (9110, 15.5.5)", get("/none"), [404]),
            RequestExample("16 OPTIONS (9110, 9.3.7)", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", [204]),
            RequestExample("16 lower-case methods are others (9110, 9.1)", "get / HTTP/1.1\r\nHost: a\r\n\r\n", [501]),
            RequestExample("16 a failing handler (9110, 15.6.1)", get("/failing"), [500]),
        ],
        answered(
            "16 unknown methods (9110, 15.6.2)", 501,
            ["REPORT", "PURGE", "-BLARGH", "M-SEARCH"].map { "\($0) / HTTP/1.1\r\nHost: a\r\n\r\n" }),
        refused("16 a method without end (9112, 3)", 501, [String(repeating: "A", count: 40)]),
    ]).flatMap { $0 }

    static let connections: [RequestExample] = [
        RequestExample("17 HTTP/1.0 (9112, 9.3)", "GET / HTTP/1.0\r\n\r\n" + get("/"), [200], closes: true),
        RequestExample(
            "17 HTTP/1.0 kept (9112, 9.3)", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + get("/"), [200, 200]),
        RequestExample("18 close (9112, 9.6)", field("Connection: CLOSE") + get("/"), [200], closes: true),
        RequestExample(
            "18 close in a list (9112, 9.6)", field("Connection: a,\tclose , b") + get("/"), [200], closes: true),
        RequestExample(
            "18 close beats keep-alive (9112, 9.3)", field("Connection: keep-alive, close"), [200], closes: true),
        RequestExample("18 an upgrade is not taken (9110, 7.8)", field("Connection: upgrade\r\nUpgrade: ws"), [200]),
        RequestExample(
            "19 pipelined (9112, 9.3.2)",
            get("/path/a") + post("Content-Length: 3", "abc") + chunked("1\r\nx\r\n0\r\n\r\n") + get("/none")
                + get("/"),
            [200, 200, 200, 404, 200]),
        RequestExample(
            "19 a broken one after a good one (9112, 9.3.2)", get("/") + "x\u{0}", [200, 400], closes: true),
        RequestExample(
            "22 a body nobody reads (9112, 9.3)",
            "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get("/"), [404, 200]),
        RequestExample(
            "22 a broken body nobody reads (9112, 7.1)",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", [400], closes: true),
    ]
}

extension RequestExample {
    /// Those whose description begins with the rule's number, alone or in a list.
    static func of(rule: Int) -> [RequestExample] {
        all.filter { example in
            example.rule.prefix { $0.isNumber || $0 == "," || $0 == " " }.split(separator: ",")
                .contains { Int($0.filter(\.isNumber)) == rule }
        }
    }
}
