import Jobs
import Testing

@testable import Scoring

@Suite("verdicts of reviewers")
struct VerdictTests {
    private func read(_ text: String, snippets: Int = 100) throws(OptionError) -> Verdicts {
        try Verdicts(Array(text.utf8), snippets: snippets)
    }

    private static let one = #"{"start": 40, "end": 61, "verdict": "true_alarm", "label": "fighting", "note": "twö\n"}"#

    @Test("are read in the order of the video, and kept as they were read")
    func reading() throws {
        let verdicts = try read(
            #"{"job": "x", "revision": 7, "verdicts": [\#(Self.one), {"start": 0, "end": 100, "verdict": "false_alarm", "note": "", "label": null}]}"#
        )
        #expect(
            verdicts.all == [
                Verdict(.falseAlarm, 0..<100), Verdict(.trueAlarm, 40..<61, label: "fighting", note: "twö\n"),
            ])
        let signed = verdicts.signed(by: "alice", at: WallTime(milliseconds: 5), over: Verdicts())
        #expect(Verdicts(kept: signed.kept) == signed)
        #expect(try read(#"{"verdicts": []}"#) == Verdicts() && Verdicts(kept: Verdicts().kept) == Verdicts())
    }

    @Test("what was said before stays its author's, what is new is whoever says it")
    func signing() throws {
        let first = try read(#"{"verdicts": [\#(Self.one)]}"#).signed(
            by: "alice", at: WallTime(milliseconds: 5), over: Verdicts())
        // Whoever sends what was read may not say who said it.
        let forged = Self.one.replacing("}", with: #", "by": "carol", "at": "2020-01-01T00:00:00Z"}"#)
        let more = try read(#"{"verdicts": [\#(forged), {"start": 1, "end": 2, "verdict": "true_alarm"}]}"#)
        let second = more.signed(by: "bob", at: WallTime(milliseconds: 9), over: first)
        #expect(second.all.map(\.by) == ["bob", "alice"])
        #expect(second.all.map(\.at?.milliseconds) == [9, 5])
        let turned = try read(#"{"verdicts": [\#(Self.one.replacing("true_alarm", with: "false_alarm"))]}"#)
        #expect(turned.signed(by: nil, at: WallTime(milliseconds: 9), over: first).all.map(\.by) == [nil])
    }

    @Test(
        "what can't be taken is named",
        arguments: [
            ("", "verdicts: expected a JSON object"), ("[]", "verdicts: expected a JSON object"),
            (#"{"verdicts": 1}"#, "verdicts: expected a JSON object"),
            (#"{"verdicts": [], "more": 1}"#, "more: no such parameter"),
            (#"{"verdicts": [1]}"#, "verdicts[0]: expected an object"),
            (#"{"verdicts": [{"start": -1, "end": 2, "verdict": "true_alarm"}]}"#, "verdicts[0].start: expected"),
            (#"{"verdicts": [{"start": 100, "end": 101, "verdict": "true_alarm"}]}"#, "from 0 to 99"),
            (#"{"verdicts": [{"start": 5, "end": 5, "verdict": "true_alarm"}]}"#, "verdicts[0].end: expected"),
            (#"{"verdicts": [{"start": 5, "end": 101, "verdict": "true_alarm"}]}"#, "from 6 to 100"),
            (#"{"verdicts": [{"start": 1.5, "end": 2, "verdict": "true_alarm"}]}"#, "verdicts[0].start: expected"),
            (#"{"verdicts": [{"start": 1, "end": 2, "verdict": "maybe"}]}"#, "true_alarm or false_alarm"),
            (#"{"verdicts": [{"start": 1, "end": 2, "verdict": true}]}"#, "true_alarm or false_alarm"),
            (#"{"verdicts": [{"start": 1, "end": 2, "verdict": "true_alarm", "note": 1}]}"#, "verdicts[0].note"),
            (
                #"{"verdicts": [{"start": 1, "end": 2, "verdict": "true_alarm", "why": ""}]}"#,
                "verdicts[0].why: no such"
            ),
            (#"{"verdicts": [\#(one), \#(one)]}"#, "two on snippets 40 to 61"),
        ])
    func refused(text: String, words: String) {
        let error = #expect(throws: OptionError.self) { try read(text) }
        #expect(error?.description.contains(words) == true, "\(error as Any)")
    }

    @Test("a thousand are taken, with notes of 2,000 bytes each as far as the request may be long")
    func bounds() throws {
        func list(_ count: Int, note: Int = 0) -> String {
            let text = String(repeating: "ä", count: note / 2)
            return #"{"verdicts": ["#
                + (0..<count).map { #"{"start":\#($0),"end":\#($0 + 1),"verdict":"true_alarm","note":"\#(text)"}"# }
                .joined(separator: ",") + "]}"
        }
        #expect(try read(list(1_000), snippets: 2_000).all.count == 1_000)
        #expect(throws: OptionError.self) { try read(list(1_001), snippets: 2_000) }
        #expect(try read(list(1, note: 2_000)).all.first?.note?.utf8.count == 2_000)
        #expect(throws: OptionError.self) { try read(list(1, note: 2_002)) }
        // The most that a request brings is kept.
        let most = try read(list(62, note: 2_000))
        let name = String(repeating: "a", count: 64)
        #expect(
            most.signed(by: name, at: WallTime(milliseconds: 0), over: Verdicts()).kept.count < JobRemarks.mostBytes)
        #expect(throws: OptionError.self) { try read(list(70, note: 2_000)) }
    }

    @Test("what was damaged where it is kept is none", arguments: ["", "{}", "[1]", #"[{"start": 2, "end": 1}]"#])
    func damaged(text: String) { #expect(Verdicts(kept: Array(text.utf8)) == nil) }
}
