import Testing

@testable import vigil

@Suite("What goes to a terminal")
struct TerminalTests {
    @Test("a line is one line, without what would move the cursor")
    func line() {
        #expect(Terminal.line("model 'a\u{1B}[2J\nb\u{9B}'\n") == "model 'a\u{FFFD}[2J b\u{FFFD}'")
    }

    @Test(
        "bytes are as they were, but for what would move it",
        arguments: [
            ("a\tb\nc", "a\tb\nc"), ("é 漢 – ’", "é 漢 – ’"), ("\u{1B}]0;title\u{7}", "\u{FFFD}]0;title\u{FFFD}"),
            ("\u{9B}1m", "\u{FFFD}1m"), ("\u{202E}txt", "\u{FFFD}txt"), ("\u{61C}", "\u{FFFD}"),
            ("a\rb", "a\u{FFFD}b"), ("\u{7F}", "\u{FFFD}"),
        ])
    func bytes(text: String, shown: String) {
        #expect(String(decoding: Terminal.shown(Array(text.utf8)), as: UTF8.self) == shown)
    }

    @Test("a replay tells the options that it does not read")
    func idle() {
        let arguments = [
            "vigil", "train", "--replay", "a.json", "--init=b.pth", "--output", "c", "--clip=d", "--resume",
            "--threads", "2",
        ]
        #expect(TrainCommand.idleInReplay(arguments) == ["--output", "--clip", "--resume"])
    }
}
