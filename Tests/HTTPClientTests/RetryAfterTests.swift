import HTTPClient
import Testing

@Suite("Retry-After")
struct RetryAfterTests {
    @Test(
        "Retry-After is seconds or a date, from nothing to a day",
        arguments: [
            ("0", 0), ("000", 0), ("120", 120), ("00120", 120), ("86401", 86_400), ("99999999999999999999", 86_400),
            ("", nil), ("-1", nil), ("+1", nil), ("1.5", nil), ("1 ", nil), ("soon", nil),
            ("Sun, 06 Nov 1994 08:49:47 GMT", 10), ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Sat, 05 Nov 1994 08:49:37 GMT", 0), ("Mon, 07 Nov 1994 00:00:00 GMT", 54_623),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400), ("Sun, 06 Nov 1994 08:49:47", nil),
            ("Sun, 06 Nov 1994 8:49:47 GMT", nil), ("Sun, 32 Nov 1994 08:49:47 GMT", nil),
            ("Sun, 06 Nox 1994 08:49:47 GMT", nil), ("Sun, 06 Nov 1994 24:49:47 GMT", nil),
            ("Sunday, 06-Nov-94 08:49:37 GMT", nil),
        ] as [(String, Int?)])
    func retryAfter(text: String, seconds: Int?) {
        // Sun, 06 Nov 1994 08:49:37 GMT
        #expect(RetryAfter.delay(text, now: 784_111_777) == seconds.map { .seconds($0) })
    }

    @Test(
        "dates around leap days",
        arguments: [
            ("Thu, 01 Jan 1970 00:00:01 GMT", 0), ("Tue, 29 Feb 2000 12:34:56 GMT", 951_827_695),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_799), ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_399),
            ("Sun, 31 Dec 2023 23:59:59 GMT", 1_704_067_198),
        ])
    func dates(text: String, before: Int) {
        #expect(RetryAfter.delay(text, now: before) == .seconds(1))
    }
}
