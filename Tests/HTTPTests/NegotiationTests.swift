import HTTPTypes
import Testing

@testable import HTTP

@Suite("fields that choose and describe")
struct NegotiationTests {
    @Test(
        "media types (9110, 8.3.1)",
        arguments: [
            ("text/plain", "text/plain"), ("Text/HTML ; Charset=UTF-8", "text/html; charset=UTF-8"),
            ("a/b;c=\"d\\\"; e\";f=g", "a/b; c=\"d\\\"; e\"; f=g"), ("a/b;", "a/b"), (" a/b ", "a/b"),
        ])
    func mediaTypes(text: String, normal: String) {
        #expect(MediaType(text)?.description == normal)
    }

    @Test(
        "what is no media type",
        arguments: ["", "a", "a/", "/b", "a/b c", "a/b;c", "a/b;c=", "a/b;c=\"d", "a b/c", "a/b,c/d"])
    func notMediaTypes(text: String) {
        #expect(MediaType(text) == nil)
    }

    @Test(
        "Accept (9110, 12.5.1)",
        arguments: [
            (nil, "application/json"), ("", "application/json"), ("*/*", "application/json"),
            ("application/x-npy", "application/x-npy"), ("application/*", "application/json"),
            ("application/json;q=0.5, application/x-npy;q=0.501", "application/x-npy"),
            ("*/*;q=0.1, application/x-npy", "application/x-npy"),
            ("application/json;q=0, */*", "application/x-npy"), ("text/html", nil), ("*/*;q=0", nil),
            ("broken, application/x-npy", "application/x-npy"), ("APPLICATION/JSON", "application/json"),
            ("application/json;q=2, application/x-npy;q=0.1", "application/x-npy"),
        ] as [(String?, String?)])
    func accept(text: String?, chosen: String?) throws {
        let offered = try ["application/json", "application/x-npy"].map { try #require(MediaType($0)) }
        #expect(AcceptHeader(text).preferred(among: offered)?.essence == chosen)
    }

    @Test(
        "Prefer: wait (7240, 4.3)",
        arguments: [
            ("wait=10", 10), ("respond-async, wait=10", 10), ("Wait=5; foo=bar, wait=7", 5), ("wait=\"3\"", 3),
            ("wait = 4", 4),
            ("", nil), ("wait=1.5", 1.5), ("wait=99999999999999999999", 1e20),
            // Asked for, but not in seconds.
            ("wait", -1), ("wait=", -1), ("wait=\"\"", -1), ("wait=-1", -1), ("wait=+1", -1), ("wait=1.", -1),
            ("wait=.5", -1), ("wait=1e3", -1), ("wait=0x10", -1), ("wait=nan", -1), ("wait=soon", -1),
            ("wait=1.5.2", -1), ("wait=\"\u{FF15}\"", -1), ("wait=, wait=5", -1),
        ] as [(String, Double?)])
    func prefer(text: String, seconds: Double?) {
        let expected: PreferHeader.Wait? = seconds.map { $0 < 0 ? .unreadable : .seconds($0) }
        #expect(PreferHeader(text).wait == expected)
    }

    @Test(
        "parameters of a type in Accept that the offered one has not are passed over (9110, 12.5.1)",
        arguments: [
            ("application/json;charset=utf-8", 1000), ("application/json; charset=UTF-8; q=0.5", 500),
            ("application/json;v=1", 1000), ("application/*;charset=utf-8", 1000), ("*/*;charset=utf-8", 1000),
            ("application/json;v=1;q=0, application/json", 1000), ("application/json, application/json;v=1;q=0", 1000),
            ("application/*;q=0, application/json;v=1", 1000), ("text/html;charset=utf-8", 0),
            ("application/json;v=\"a,b\";q=0.25", 250),
        ])
    func acceptParameters(text: String, quality: Int) throws {
        #expect(AcceptHeader(text).quality(of: try #require(MediaType("application/json"))) == quality)
    }

    @Test("parameters that the offered type has must be the same")
    func acceptOwnParameters() throws {
        let offered = try #require(MediaType("text/plain; charset=utf-8; version=4"))
        #expect(AcceptHeader("text/plain;CHARSET=\"UTF-8\"").quality(of: offered) == 1000)
        #expect(AcceptHeader("text/plain;version=5").quality(of: offered) == 0)
        #expect(AcceptHeader("text/plain;version=4;q=0.1, text/plain").quality(of: offered) == 100)
        #expect(AcceptHeader("text/plain;charset=latin1, text/*;q=0.2").quality(of: offered) == 200)
    }

    @Test(
        "If-None-Match (9110, 13.1.2)",
        arguments: [
            ("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), (" * ", true), ("\"b\"", false),
            ("a", false),
            ("", false), ("\"a", false), ("\"b\" , W/\"a\"", true), ("\"\"", false), ("\"x,\"a\"", false),
        ])
    func ifNoneMatch(text: String, matches: Bool) {
        #expect(EntityTag("a").matches(ifNoneMatch: text) == matches)
        #expect(EntityTag("a", isWeak: true).matches(ifNoneMatch: text) == matches)
    }

    @Test(
        "If-Match compares strongly (9110, 13.1.1)",
        arguments: [
            ("\"a\"", true), ("*", true), (" * ", true), ("\"b\", \"a\"", true), ("W/\"a\"", false), ("\"b\"", false),
            ("a", false), ("", false), ("w/\"a\"", false), ("\"x,\"a\"", false),
        ])
    func ifMatch(text: String, matches: Bool) {
        let tag = EntityTag("a")
        #expect(
            Preconditions(HeaderFields([(.ifMatch, text)])).outcome(of: .delete, on: [tag])
                == (matches ? .met : .failed))
        let isAny = text.contains("*")
        let weak = Preconditions(HeaderFields([(.ifMatch, text)])).outcome(of: .get, on: [EntityTag("a", isWeak: true)])
        #expect(weak == (isAny ? .met : .failed))
    }

    @Test(
        "preconditions, in their order (9110, 13.2.2)",
        arguments: [
            ([], .met, .met), ([(.ifNoneMatch, "\"a\"")], .notModified, .failed),
            ([(.ifNoneMatch, "W/\"a\"")], .notModified, .failed), ([(.ifNoneMatch, "*")], .notModified, .failed),
            ([(.ifNoneMatch, "\"b\"")], .met, .met), ([(.ifMatch, "\"b\"")], .failed, .failed),
            ([(.ifMatch, "\"b\""), (.ifNoneMatch, "\"a\"")], .failed, .failed),
            ([(.ifMatch, "\"a\""), (.ifNoneMatch, "\"a\"")], .notModified, .failed),
            ([(.ifMatch, "\"a\""), (.ifNoneMatch, "\"b\"")], .met, .met),
            ([(.ifMatch, "\"b\""), (.ifMatch, "\"a\"")], .met, .met),
            ([(.ifNoneMatch, "\"b\""), (.ifNoneMatch, "\"a\"")], .notModified, .failed),
            // Nothing here has a date of its last change.
            ([(.ifUnmodifiedSince, "Sun, 06 Nov 1994 08:49:37 GMT")], .met, .met),
            ([(.ifModifiedSince, "Fri, 31 Dec 9999 23:59:59 GMT")], .met, .met),
        ] as [([(name: HTTPField.Name, value: String)], Preconditions.Outcome, Preconditions.Outcome)])
    func preconditions(
        fields: [(name: HTTPField.Name, value: String)], read: Preconditions.Outcome, write: Preconditions.Outcome
    ) {
        let preconditions = Preconditions(HeaderFields(fields))
        #expect(preconditions.outcome(of: .get, on: [EntityTag("a")]) == read)
        #expect(preconditions.outcome(of: .head, on: [EntityTag("a")]) == read)
        #expect(preconditions.outcome(of: .delete, on: [EntityTag("c"), EntityTag("a")]) == write)
    }

    @Test("where there is no representation, none matches")
    func nothingThere() {
        #expect(Preconditions(HeaderFields([(.ifMatch, "*")])).outcome(of: .post, on: nil) == .failed)
        #expect(Preconditions(HeaderFields([(.ifNoneMatch, "*")])).outcome(of: .post, on: nil) == .met)
        #expect(Preconditions(HeaderFields([(.ifMatch, "*")])).outcome(of: .get, on: []) == .met)
        #expect(Preconditions(HeaderFields([(.ifMatch, "\"a\"")])).outcome(of: .get, on: []) == .failed)
    }

    @Test("tags that differ in bytes differ, though they are the same text to Unicode")
    func tagBytes() {
        #expect(!EntityTag("\u{E9}").matches(ifNoneMatch: "\"e\u{301}\""))
        #expect(!EntityTag("K").matches(ifNoneMatch: "\"\u{212A}\""))
        #expect(EntityTag("K") != EntityTag("\u{212A}"))
    }

    @Test(
        "a media type reads back from what is written of it", arguments: ["\"", "\\", "\"\u{301}", "a\\\u{5A3}b", ""])
    func mediaTypeReadsBack(value: String) throws {
        let quoted = value.unicodeScalars.map { "\\\($0)" }.joined()
        let media = try #require(MediaType("a/b;c=\"\(quoted)\";d=e"))
        #expect(media["c"] == value)
        #expect(MediaType(media.description) == media)
    }

    @Test("a field of quotes that nothing closes is not read anew for each of them", .timeLimit(.minutes(10)))
    func unclosedQuotes() throws {
        let quotes = String(repeating: "\"\\", count: 1 << 20)
        #expect(AcceptHeader("a/b;c=\(quotes),d/e").quality(of: try #require(MediaType("d/e"))) == 1000)
        #expect(PreferHeader("x=\(quotes), wait=5").wait == .seconds(5))
    }

    @Test("tags keep out what would end them")
    func tagCharacters() {
        #expect(EntityTag("a\"b c\r\n", isWeak: true).description == "W/\"abc\"")
    }

    @Test(
        "dates (9110, 5.6.7)",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ])
    func dates(seconds: Int, text: String) {
        #expect(HTTPDate.string(secondsSinceEpoch: seconds) == text)
    }
}
