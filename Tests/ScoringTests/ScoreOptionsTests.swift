import Formats
import JSON
import Tensors
import Testing
import VadCLIP

@testable import Scoring

@Suite("Query parameters of POST /score")
struct ScoreOptionsTests {
    private func options(_ pairs: (String, String)...) throws(OptionError) -> ScoreOptions {
        try ScoreOptions(pairs: pairs.map { (name: $0.0, value: $0.1) })
    }

    @Test("labels are parted by every comma, whatever mark stands above what follows")
    func labelsAreBytes() throws {
        let labels = try ScoreOptions.labels(in: "normal,\u{301}a, \u{301}b ")
        #expect(labels.map { Array($0.utf8) } == ["normal", "\u{301}a", "\u{301}b"].map { Array($0.utf8) })
        #expect(throws: OptionError.self) { try ScoreOptions.labels(in: "normal,\u{2003}, ,a") }
    }

    @Test("each is read")
    func all() throws {
        let options = try options(
            ("labels", "normal, a fire ,riot"), ("fps", "29.97"), ("threshold", "0.7"), ("leave", "0.2"),
            ("min_snippets", "3"), ("merge_gap", "2"), ("logits", "true"), ("priority", "high"),
            ("validate_only", "1"))
        #expect(options.labels == ["normal", "a fire", "riot"])
        #expect(options.fps == 29.97)
        #expect(
            options.segments == SegmentOptions(threshold: 0.7, leave: 0.2, minimumSnippets: 3, mergeGap: 2))
        #expect(options.logits && options.validateOnly && options.priority == .high)
    }

    @Test("models are a list, in one parameter or in several")
    func models() throws {
        #expect(try options().models == [] && options(("model", " ")).models == [])
        #expect(try options(("model", "a,b@3f"), ("model", "c")).models == ["a", "b@3f", "c"])
        #expect(
            try ScoreOptions([Parameter("model", .json(.array([.string("a"), .string("b")])))]).models == ["a", "b"])
        for text in ["a,,b", ",", String(repeating: "a,", count: 16) + "a"] {
            #expect(throws: OptionError.self, "\(text)") { try options(("model", text)) }
        }
    }

    @Test("of several crops one is chosen by its number, or their mean; the axis is that of the crops")
    func crops() throws {
        #expect(try options(("crop", "3")).crop == .one(3) && options(("crop", "Mean")).crop == .mean)
        for text in ["-1", "all", "1.5", "100", "first"] {
            #expect(throws: OptionError.self, "\(text)") { try options(("crop", text)) }
        }
        let values = (0..<24).map { Float($0) }
        let second: [Float] = [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23]
        for (shape, picked) in [([3, 2, 4], second), ([2, 3, 4], Array(values[12..<24]))] {
            let array = DecodedArray(shape: shape, elementType: .float32, values: values)
            let rows = try CropChoice.one(1).rows(of: array)
            #expect(rows.shape == [3, 4] && rows.values == picked, "\(shape)")
            #expect(try CropChoice.mean.rows(of: array).values.count == 12)
            #expect(throws: OptionError.self) { try CropChoice.one(2).rows(of: array) }
        }
        let flat = DecodedArray(shape: [6, 4], elementType: .float32, values: values)
        #expect(try CropChoice.one(7).rows(of: flat) == flat)
    }

    @Test("asked again, what is not said is as it was, and leave goes with the threshold where it was that")
    func again() throws {
        var before = try options(
            ("labels", "normal,fire"), ("fps", "25"), ("threshold", "0.6"), ("logits", "true"), ("camera", "front"),
            ("priority", "high"))
        func again(_ pairs: (String, String)...) throws(OptionError) -> ScoreOptions {
            try ScoreOptions(again: pairs.map { Parameter($0.0, .text($0.1)) }, of: before)
        }
        var same = try again()
        #expect(same.labels == before.labels && same.fps == 25 && same.segments == before.segments && same.logits)
        #expect(same.camera == nil && same.priority == .normal, "those are another job's")
        #expect(try again(("threshold", "0.8")).segments == SegmentOptions(threshold: 0.8))
        before.segments.leave = 0.4
        #expect(try again(("threshold", "0.8")).segments == SegmentOptions(threshold: 0.8, leave: 0.4))
        #expect(try again(("threshold", "0.3")).segments == SegmentOptions(threshold: 0.3))
        #expect(throws: OptionError.self) { try again(("leave", "0.7")) }
        same = try again(("labels", "normal,smoke"), ("logits", "false"))
        #expect(same.labels == ["normal", "smoke"] && !same.logits)
        #expect(throws: OptionError.self) { try again(("model", "a,b")) }
        #expect(throws: OptionError.self) { try again(("pool", "first")) }
    }

    @Test("leave is the threshold unless it is given")
    func leave() throws {
        #expect(try options(("threshold", "0.3")).segments.leave == 0.3)
        #expect(try options().segments == SegmentOptions(threshold: 0.5, leave: 0.5))
    }

    @Test(
        "a value that can't be taken is refused by the parameter's name",
        arguments: [
            ("fps", "0"), ("fps", "-1"), ("fps", "1e-300"), ("fps", "0x10"), ("fps", "1e400"), ("fps", "nan"),
            ("fps", "inf"), ("fps", "fast"), ("threshold", "1.5"),
            ("threshold", "-0.1"), ("leave", "0.9"), ("min_snippets", "0"),
            ("min_snippets", "1.5"), ("merge_gap", "-1"), ("merge_gap", "+3"), ("logits", "maybe"),
            ("priority", "urgent"),
            ("validate_only", "x"), ("labels", "normal"), ("labels", "normal,,fire"),
            ("labels", "normal," + String(repeating: "x", count: 401)),
            ("treshold", "0.5"),
        ])
    func refused(name: String, value: String) {
        let error = #expect(throws: OptionError.self) { try options((name, value)) }
        #expect(error?.name == name)
    }

    @Test("a parameter given twice is refused")
    func twice() {
        #expect(throws: OptionError(name: "fps", problem: "given twice: expected once")) {
            try options(("fps", "25"), ("fps", "30"))
        }
        #expect(throws: OptionError.self) {
            try ScoreOptions([Parameter("fps", .text("25")), Parameter("fps", .json(.number("25")))])
        }
        #expect(throws: OptionError.self) {
            try ScoreOptions([Parameter("logits", .bare), Parameter("logits", .text("true"))])
        }
    }

    @Test("what is empty is as if it were not given, whichever parameter it is", arguments: ScoreOptions.names)
    func empty(name: String) throws {
        let usual = ScoreOptions()
        for value in [.text(""), .text(" \r\n"), .text("\u{FEFF}"), .json(.null), .json(.string(""))] as [GivenValue] {
            #expect(try ScoreOptions([Parameter(name, value)]) == usual)
        }
        let isFlag = ["logits", "validate_only"].contains(name)
        #expect(try (ScoreOptions([Parameter(name, .bare)]) == usual) == !isFlag)
        #expect(try ScoreOptions([Parameter("fps", .text("")), Parameter("fps", .text("25"))]).fps == 25)
    }

    @Test("members of a JSON body are read by the same rule")
    func json() throws {
        let options = try ScoreOptions([
            Parameter("labels", .json(.array([.string("normal"), .string("a, fire")]))),
            Parameter("fps", .json(.string("30000/1001"))), Parameter("threshold", .json(.number("7e-1"))),
            Parameter("leave", .json(.string(" 0.2"))), Parameter("min_snippets", .json(.number("3.0"))),
            Parameter("merge_gap", .json(.string("2"))), Parameter("logits", .json(.bool(true))),
            Parameter("priority", .json(.string("HIGH"))), Parameter("deadline", .json(.number("30"))),
            Parameter("name", .json(.number("7"))), Parameter("validate_only", .json(.number("1"))),
        ])
        #expect(options.labels == ["normal", "a, fire"] && options.fps == 30_000.0 / 1_001.0)
        #expect(
            options.segments == SegmentOptions(threshold: 0.7, leave: 0.2, minimumSnippets: 3, mergeGap: 2))
        #expect(options.logits && options.validateOnly && options.priority == .high)
        #expect(options.deadline == .after(.seconds(30)) && options.name == "7")
        for (name, value) in [
            ("fps", .bool(true)), ("fps", .array([.number("30")])), ("logits", .number("2")),
            ("labels", .array([.number("1"), .number("2")])), ("name", .object([])), ("priority", .array([])),
        ] as [(String, JSONValue)] {
            let error = #expect(throws: OptionError.self) { try ScoreOptions([Parameter(name, .json(value))]) }
            #expect(error?.name == name)
        }
    }

    @Test(
        "a name has no control characters, those behind ASCII neither",
        arguments: ["a\u{1}", "\u{7F}", "a\u{9B}31m", "\u{80}"])
    func names(name: String) throws {
        for parameter in ["name", "camera"] {
            let error = #expect(throws: OptionError.self) { try options((parameter, name)) }
            #expect(error?.name == parameter)
        }
        #expect(try options(("name", "Tür \u{A0}7")).name == "Tür \u{A0}7")
    }

    @Test("a name that is none gets the one that was meant")
    func typos() {
        for (written, meant) in [
            ("treshold", "threshold"), ("fsp", "fps"), ("minSnippets", "min_snippets"), ("Logits", "logits"),
            ("validate-only", "validate_only"), ("label", "labels"),
        ] {
            let error = #expect(throws: OptionError.self) { try options((written, "1")) }
            #expect(error?.problem.contains("did you mean \(meant)?") == true, "\(written): \(error?.problem ?? "")")
        }
        let stray = #expect(throws: OptionError.self) { try options(("meta", "1")) }
        #expect(stray?.problem.contains("did you mean") == false && stray?.problem.contains("fps") == true)
    }
}

@Suite("Stored results")
struct StoredResultTests {
    private func result(length: Int? = nil, caveat: String? = nil, kind: ModelKind = .vadCLIP) -> ScoreResult {
        var logits = Logits(snippets: 3, classes: 2)
        logits.coarse = [0.1, -2, .leastNonzeroMagnitude]
        logits.fine = [1, 2, 3, 4, 5, -6.5]
        var options = ScoreOptions()
        options.labels = ["normal", "fire é"]
        options.fps = 25
        options.logits = true
        options.segments = SegmentOptions(threshold: 0.25, leave: 0.125, minimumSnippets: 2, mergeGap: 7)
        return ScoreResult(
            model: "m", modelSHA256: "ab", trained: false, caveat: caveat, kind: kind, length: length,
            labels: ["normal", "fire é"],
            logits: logits,
            featuresSHA256: "cd", kernels: "avx2", options: options, queuedMilliseconds: 1.5, scoredMilliseconds: 61)
    }

    @Test(
        "a result reads back as it was stored, also one of before the chunks' length was noted", arguments: [nil, 256])
    func roundTrip(length: Int?) {
        #expect(ScoreResult(encoded: result(length: length).encoded) == result(length: length))
        #expect(StoredLogits(encoded: result(length: length).encoded)?.result.length == length)
    }

    @Test("what is to be said of its model is stored with a result", arguments: [true, false])
    func caveat(trained: Bool) {
        var stored = result(caveat: "for nights alone")
        stored.trained = trained
        #expect(ScoreResult(encoded: stored.encoded) == stored)
    }

    @Test("a result has the arithmetic that it was computed in", arguments: Compute.allCases)
    func compute(compute: Compute) {
        var stored = result(length: 256, caveat: "for nights alone")
        let float32 = stored.encoded
        stored.compute = compute
        stored.acceptedForSHA256 = "ef"
        #expect(ScoreResult(encoded: stored.encoded) == stored)
        stored.acceptedForSHA256 = nil
        #expect((stored.encoded == float32) == (compute == .float32))
    }

    @Test("a result has the family and settings by which its scores are made")
    func kinds() throws {
        for preset in Preset.all {
            let stored = result(caveat: "for nights alone", kind: try preset.kind)
            #expect(ScoreResult(encoded: stored.encoded) == stored)
            #expect(ScoredVideo(stored).scores.fine == (try preset.kind.readout.fine(stored.logits)))
        }
    }

    @Test("bytes that were cut, or have more behind them, are no result", arguments: [nil, 256])
    func damaged(length: Int?) {
        let bytes = result(length: length, caveat: length.map { "\($0)" }).encoded
        for count in 0..<bytes.count { #expect(ScoreResult(encoded: Array(bytes[..<count])) == nil) }
        #expect(ScoreResult(encoded: bytes + [0]) == nil)
    }
}
