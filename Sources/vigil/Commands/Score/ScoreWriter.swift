import API
import JSON
import Platform
import Reports
import Scoring
import VadCLIP

/// Writes what came of files, one after the other.
final class ScoreWriter {
    private let target: ScoreTarget
    /// Whether several files were named.
    private let isOfSeveral: Bool
    private var file: OneFile?
    private var table: ScoreTableText
    /// What is written together at the end.
    private var videos: [ReportedVideo] = []
    private var written: Set<ByteText> = []
    private var count = 0

    /// A file that all results go to.
    private final class OneFile {
        private var file: AtomicFile

        init(_ path: String) throws(FileError) { file = try AtomicFile(path: path) }

        func write(_ bytes: [UInt8]) throws(FileError) { try file.write(bytes) }

        func commit() throws(FileError) { try file.commit() }
    }

    /// Opens the file that all results go to. A folder is made with the first that is written to it.
    init(_ target: ScoreTarget, count: Int) throws {
        (self.target, isOfSeveral) = (target, count > 1)
        table = ScoreTableText(perFrame: target.perFrame)
        try Self.configuring { () throws(FileError) in
            switch target.place {
            case .standardOutput, .folder: return
            case .file(let path): file = try OneFile(path)
            }
        }
    }

    /// Something that was scored, with what is to be said of it.
    struct Item {
        let input: String
        let scored: ScoredFeatures
        let document: ScoreDocument
        /// Pictures of segments, by the snippet that they begin at.
        let pictures: [Int: [UInt8]]
        let warnings: [String]
    }

    /// Writes what came of one more matrix or video.
    func add(_ item: Item) throws {
        count += 1
        switch target.place {
        case .folder(let folder):
            let path = try target.path(of: item.input, label: item.scored.accepted.label)
            guard written.insert(ByteText(path)).inserted else {
                throw Failure(
                    .badData, "\(item.scored.accepted.label): \(path) has been written for another of its kind")
            }
            var text = ScoreTableText(perFrame: target.perFrame)
            let bytes = try bytes(of: item, isAlone: true, &text)
            try Self.configuring { () throws(FileError) in
                try WorkFolder.make(folder)
                try AtomicFile.write(bytes, to: path)
            }
            try Terminal.print(Array("\(summary(of: item)), to \(path)".utf8))
        case .file:
            let bytes = try bytes(of: item, isAlone: false, &table)
            try Self.configuring { () throws(FileError) in try file?.write(bytes) }
            try Terminal.print(Array(summary(of: item).utf8))
        case .standardOutput:
            try Terminal.put(bytes(of: item, isAlone: false, &table), asData: isData)
        }
    }

    /// Ends what all results are in together. A file to which nothing came is not made.
    func end() throws {
        guard count > 0 else { return }
        if case .report(let format) = target.form, !videos.isEmpty {
            let bytes = try Self.using { () throws(ReportError) in
                try format.bytes(of: videos, perFrame: target.perFrame)
            }
            if let file {
                try Self.configuring { () throws(FileError) in try file.write(bytes) }
            } else {
                try Terminal.put(bytes, asData: isData)
            }
        }
        guard let file else { return }
        let isList = target.form == .json && isOfSeveral
        try Self.configuring { () throws(FileError) in
            if isList { try file.write(Array("\n]\n".utf8)) }
            try file.commit()
        }
    }

    /// Whether what is written is a program's, to whom it goes as it is.
    private var isData: Bool { target.form != .table && target.form != .summary }

    /// What is written of one matrix or video now: nothing where all are written together at the end.
    ///
    /// - Parameter isAlone: whether it has a file for itself
    private func bytes(of item: Item, isAlone: Bool, _ table: inout ScoreTableText) throws -> [UInt8] {
        switch target.form {
        case .json:
            let json = json(of: item)
            let isListed = target.place != .standardOutput && !isAlone && isOfSeveral
            return isListed ? Array((count == 1 ? "[\n" : ",\n").utf8) + json : json + [ASCII.lineFeed]
        case .jsonLines: return json(of: item) + [ASCII.lineFeed]
        case .table: return Array((text(of: item) + "\n").utf8)
        case .summary: return Array((summary(of: item) + "\n").utf8)
        case .report(let format):
            let video = reported(item)
            if format == .csv { return try Self.using { () throws(ReportError) in try table.next(video) } }
            guard isAlone || !format.isOfMany else {
                videos.append(video)
                return []
            }
            return try Self.using { () throws(ReportError) in
                try format.bytes(of: [video], perFrame: target.perFrame)
            }
        }
    }

    private func json(of item: Item) -> [UInt8] {
        let accepted = item.scored.accepted
        if let other = item.scored.other {
            return ComparisonDocument(item.scored.result, other, times: accepted.times)
                .json(file: accepted.label, warnings: item.warnings)
        }
        return item.document.json(file: accepted.label, warnings: item.warnings) { json in
            if target.hasSweep { Self.write(reported(item), sweepTo: &json) }
            if target.perFrame { Self.write(reported(item), framesTo: &json) }
        }
    }

    private static func write(_ video: ReportedVideo, sweepTo json: inout JSONWriter) {
        json.key("sweep")
        json.array(video.sweep) { json, step in
            json.object { json in
                json.member("threshold", step.threshold)
                json.member("segments", step.segments)
                json.member("snippets", step.snippets)
            }
        }
    }

    private static func write(_ video: ReportedVideo, framesTo json: inout JSONWriter) {
        let snippets = (0..<video.scoredFrames).map { $0 / video.framesPerSnippet }
        let k = video.labels.count
        json.key("per_frame")
        json.object { json in
            json.member("frames", video.scoredFrames)
            json.key("coarse")
            json.array(snippets.map { video.coarse[$0] }[...])
            json.key("fine")
            json.array(snippets) { json, snippet in json.array(video.fine[snippet * k..<(snippet + 1) * k]) }
        }
    }

    private func text(of item: Item) -> String {
        let accepted = item.scored.accepted
        let columns = target.place == .standardOutput ? Terminal.columns : 100
        if let other = item.scored.other {
            let document = ComparisonDocument(item.scored.result, other, times: accepted.times)
            return ComparisonTable(file: accepted.label, document: document, columns: columns).text
        }
        let table = ScoreTable(file: accepted.label, document: item.document, columns: columns).text
        return target.hasSweep ? table + "\n\n" + sweepText(reported(item)) : table
    }

    private func sweepText(_ video: ReportedVideo) -> String {
        let rows = video.sweep.map { step in
            let share = Float(step.snippets) / Float(max(1, video.snippets))
            return ["\(step.threshold)", "\(step.segments)", "\(step.snippets)", TableText.percent(share)]
        }
        return TableText.aligned([["threshold", "segments", "snippets", "of it"]] + rows).joined(separator: "\n")
    }

    /// `a.npy: 97% abnormal, 3 segments (fighting, shooting), 777 snippets`.
    private func summary(of item: Item) -> String {
        let scored = item.document.scored
        let gist = ResultGist(coarse: scored.video.coarse, labels: scored.segments.map(\.label))
        return "\(item.scored.accepted.label): \(gist.text), \(counted(scored.result.logits.snippets, "snippet"))"
    }

    private func reported(_ item: Item) -> ReportedVideo {
        var video = item.document.reported(as: item.scored.accepted.label, warnings: item.warnings)
        video.size = target.size ?? item.scored.accepted.size.map { ReportedSize(width: $0.width, height: $0.height) }
        for index in video.segments.indices {
            video.segments[index].picture = item.pictures[video.segments[index].start]
        }
        guard target.hasSweep else { return video }
        video.sweep = ThresholdSweep(item.document.scored).steps.map {
            SweepStep(threshold: $0.threshold, segments: $0.segments, snippets: $0.snippets)
        }
        return video
    }

    private static func configuring(_ body: () throws(FileError) -> Void) throws(Failure) {
        do throws(FileError) { try body() } catch { throw Failure(.configuration, "--output \(error)") }
    }

    private static func using(_ body: () throws(ReportError) -> [UInt8]) throws(Failure) -> [UInt8] {
        do throws(ReportError) { return try body() } catch { throw Failure(.usage, error.description) }
    }
}
