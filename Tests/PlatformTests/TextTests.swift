import TestSupport
import Testing

@testable import Platform

@Suite("Text from outside")
struct TextTests {
    @Test(
        "has nothing left that moves a terminal's cursor or turns the order of signs around",
        arguments: ["\u{1B}", "\u{0}", "\r", "\u{7F}", "\u{9B}", "\u{202E}", "\u{2066}", "\u{200F}", "\u{2028}"])
    func unfit(sign: String) {
        for isOneLine in [false, true] { #expect(fit("a\(sign)[2Jé", isOneLine: isOneLine) == "a\u{FFFD}[2Jé") }
        #expect(quoted("a\(sign)") == "'a\u{FFFD}'")
    }

    @Test("keeps what is fit, and ends of lines where there may be several")
    func fits() {
        #expect(fit("a é 漢\t\n", isOneLine: false) == "a é 漢\t\n")
        #expect(fit("a é 漢\t\n", isOneLine: true) == "a é 漢\u{FFFD}\u{FFFD}")
    }

    @Test("is cut short where it is quoted, by signs")
    func cut() {
        #expect(quoted("abc", limit: 3) == "'abc'")
        #expect(quoted("漢字漢字", limit: 3) == "'漢字漢…'")
    }

    @Test("the nearest name is one that is near")
    func spelling() {
        let names = ["labels", "fps", "threshold", "leave", "min_snippets", "wait", "limit"]
        for (written, nearest) in [
            ("treshold", "threshold"), ("THRESHOLD", "threshold"), ("min-snippets", "min_snippets"), ("fsp", "fps"),
            ("lables", "labels"), ("limits", "limit"), ("wiat", "wait"), ("fp", "fps"), ("", nil), ("x", nil),
            ("zzz", nil), ("features", nil), (String(repeating: "threshold", count: 50), nil),
        ] as [(String, String?)] {
            #expect(Spelling.nearest(to: written, among: names) == nearest, "\(written)")
        }
        #expect(Spelling.nearest(to: "x", among: []) == nil)
    }

    @Test("one thing is one thing")
    func counts() {
        #expect(counted(1, "row") == "1 row")
        #expect(counted(0, "row") == "0 rows" && counted(2, "row") == "2 rows")
    }
}
