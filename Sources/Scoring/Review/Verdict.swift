import JSON
import Jobs
import Platform

/// What somebody who has seen the video says of a stretch of it.
package struct Verdict: Sendable, Equatable {
    /// Whether there was what an alarm is for.
    package enum Kind: String, Sendable, CaseIterable {
        case trueAlarm = "true_alarm"
        case falseAlarm = "false_alarm"
    }

    /// What it is about, in snippets.
    package var range: Range<Int>
    package var kind: Kind
    /// What it was, where that is said: a class of the model or another word.
    package var label: String?
    package var note: String?
    /// The name of the API key that it came with; nil where there are none.
    package var by: String?
    /// When it came.
    package var at: WallTime?

    /// What a reviewer says.
    package init(
        _ kind: Kind, _ range: Range<Int>, label: String? = nil, note: String? = nil, by: String? = nil,
        at: WallTime? = nil
    ) {
        self.kind = kind
        self.range = range
        self.label = label
        self.note = note
        self.by = by
        self.at = at
    }

    /// Whether both say the same, whoever did and when.
    func saysTheSame(as other: Verdict) -> Bool {
        func same(_ left: String?, _ right: String?) -> Bool { (left ?? "").hasBytes(of: right ?? "") }
        return range == other.range && kind == other.kind && same(label, other.label) && same(note, other.note)
    }

    /// Writes it as it is kept and as it is told.
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("start", range.lowerBound)
            json.member("end", range.upperBound)
            json.member("verdict", kind.rawValue)
            json.member("label", label)
            json.member("note", note)
            json.member("by", by)
            json.member("at", at?.description)
        }
    }
}

/// All that was said of one job, in the order of the video.
package struct Verdicts: Sendable, Equatable {
    /// Verdicts on one job at most.
    package static let most = 1_000
    /// Bytes of a request that brings them.
    package static let mostBytes = 128 << 10
    private static let names = ["start", "end", "verdict", "label", "note", "by", "at"]

    package private(set) var all: [Verdict] = []

    /// None.
    package init() {}

    /// Reads what a client sends: `{"verdicts": […]}`. What tells of an earlier state of it, as in an answer, says nothing.
    ///
    /// - Parameter snippets: how many the job has
    package init(_ body: [UInt8], snippets: Int) throws(OptionError) {
        guard case .object(let members)? = try? JSONReader.parse(body, maxBytes: Self.mostBytes),
            let list = members.first(where: { $0.name.hasBytes(of: "verdicts") })?.value.array
        else {
            throw OptionError(name: "verdicts", problem: "expected a JSON object with a list of this name")
        }
        let known = ["verdicts", "job", "revision"]
        if let other = members.first(where: { !known.contains($0.name) }) {
            throw .unknown(other.name, among: ["verdicts"])
        }
        guard list.count <= Self.most else {
            throw OptionError(name: "verdicts", problem: "\(list.count) of them: expected \(Self.most) at most")
        }
        for (index, value) in list.enumerated() {
            all.append(try Self.verdict(value, snippets: snippets, at: "verdicts[\(index)]"))
        }
        sort()
        for (one, next) in zip(all, all.dropFirst()) where one.range == next.range {
            throw OptionError(
                name: "verdicts",
                problem: "two on snippets \(one.range.lowerBound) to \(one.range.upperBound): expected one")
        }
    }

    /// Reads what was kept; nil where that is no such thing.
    init?(kept bytes: [UInt8]) {
        guard let list = try? JSONReader.parse(bytes, maxBytes: JobRemarks.mostBytes).array else { return nil }
        for value in list {
            guard let verdict = try? Self.verdict(value, snippets: .max, at: "") else { return nil }
            all.append(verdict)
        }
    }

    /// As they are kept.
    var kept: [UInt8] { JSONWriter.document { json in json.array(all) { $1.write(to: &$0) } } }

    /// With who says so and since when: what was said before stays its author's.
    func signed(by name: String?, at wall: WallTime, over former: Verdicts) -> Verdicts {
        var signed = self
        signed.all = all.map { verdict in
            if let same = former.all.first(where: { $0.saysTheSame(as: verdict) }) { return same }
            var verdict = verdict
            (verdict.by, verdict.at) = (name, wall)
            return verdict
        }
        return signed
    }

    private mutating func sort() {
        all.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    }

    private static func verdict(
        _ value: JSONValue, snippets: Int, at place: String
    ) throws(OptionError) -> Verdict {
        func fault(_ name: String, _ problem: String) -> OptionError {
            OptionError(name: "\(place).\(name)", problem: problem)
        }
        guard case .object(let members) = value else {
            throw OptionError(name: place, problem: "expected an object with start, end and verdict")
        }
        if let other = members.first(where: { !names.contains($0.name) }) {
            throw .unknown("\(place).\(other.name)", among: Array(names.prefix(5)))
        }
        guard let start = value["start"]?.integer, start >= 0, start < snippets else {
            throw fault("start", "expected the first snippet, from 0 to \(snippets - 1)")
        }
        guard let end = value["end"]?.integer, end > start, end <= snippets else {
            throw fault("end", "expected the snippet behind the last one, from \(start + 1) to \(snippets)")
        }
        guard let kind = value["verdict"]?.string.flatMap({ Verdict.Kind(rawValue: $0) }) else {
            throw fault("verdict", "expected \(Verdict.Kind.allCases.map(\.rawValue).joined(separator: " or "))")
        }
        func text(_ name: String, most: Int) throws(OptionError) -> String? {
            guard let given = value[name], given != .null else { return nil }
            guard let text = given.string, text.utf8.count <= most else {
                throw fault(name, "expected a text of \(most) bytes at most")
            }
            return text.isEmpty ? nil : text
        }
        return Verdict(
            kind, start..<end, label: try text("label", most: 200), note: try text("note", most: 2_000),
            by: try text("by", most: 64), at: try text("at", most: 40).flatMap { WallTime($0) })
    }
}
