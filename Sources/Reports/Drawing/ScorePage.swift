import Platform

/// Scores of videos as one HTML page that needs nothing beside it and runs nothing, in light and dark.
struct ScorePage {
    private let videos: [ReportedVideo]

    init(_ videos: [ReportedVideo]) { self.videos = videos }

    var html: [UInt8] {
        let title = videos.count == 1 ? shown(videos[0].baseName) : "\(videos.count) videos"
        let style = "\(Markup.colours)\(Markup.chartStyle)\(ScoreDrawing.style)\(Self.style)"
        // The one style is known by its digest, so that nothing else can bring another.
        let hasPictures = videos.contains { $0.segments.contains { $0.picture != nil } }
        let policy =
            "default-src 'none'; style-src 'sha256-\(Self.digest(of: style))'; \(hasPictures ? "img-src data:; " : "")"
            + "base-uri 'none'; form-action 'none'"
        let page = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="referrer" content="no-referrer">
            <title>\(Markup.escaped(title)): scores</title>
            <style>\(style)</style>
            </head>
            <body>
            <main>
            <h1>\(Markup.escaped(title))</h1>
            \(videos.count > 1 ? overview : "")
            \(videos.enumerated().map { section($0.element, number: $0.offset + 1) }.joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
        return Array(page.utf8)
    }

    private static func digest(of text: String) -> String {
        var digest = SHA256()
        Array(text.utf8).withUnsafeBytes { digest.update($0) }
        return Base64.encode(digest.finalize())
    }

    private func shown(_ text: String) -> String { fit(text, isOneLine: true) }

    private func score(_ score: Float) -> String { Decimals.text(Double(score), 3) }

    private func percent(_ score: Float) -> String { "\(Decimals.percent(Double(score), 0))%" }

    /// A line a video, which leads to its part.
    private var overview: String {
        let rows = videos.enumerated().map { number, video in
            "<tr><td><a href=\"#video-\(number + 1)\">\(Markup.escaped(shown(video.name)))</a></td>"
                + "<td>\(score(video.score))</td><td>\(Markup.escaped(shown(video.label)))</td>"
                + "<td>\(video.segments.count)</td><td>\(video.seconds.map { ClockText.of($0) } ?? "")</td></tr>"
        }
        return "<div class=\"wide\"><table><thead><tr><th>video</th><th>highest snippets, mean</th><th>class</th>"
            + "<th>segments</th><th>length</th></tr></thead><tbody>\n\(rows.joined(separator: "\n"))\n</tbody></table></div>"
    }

    private func section(_ video: ReportedVideo, number: Int) -> String {
        let heading = videos.count > 1 ? "<h2>\(Markup.escaped(shown(video.name)))</h2>\n" : ""
        let notes = (video.caution.map { ["model '\(video.model)': \($0)"] } ?? []) + video.warnings
        let list = notes.map { "<li>\(Markup.escaped(shown($0)))</li>" }.joined()
        return """
            <section id="video-\(number)">
            \(heading)<div class="figures">\(figures(of: video))</div>
            \(list.isEmpty ? "" : "<ul class=\"notes\">\(list)</ul>")
            <div class="drawing">\(ScoreDrawing(video).svg(isAlone: false))</div>
            <h3>Segments</h3>
            \(pictures(of: video))\(segments(of: video))<h3>Classes of the whole</h3>
            \(classes(of: video))\(sweep(of: video))\(provenance(of: video))</section>
            """
    }

    private func figures(of video: ReportedVideo) -> String {
        let inSegments = video.segments.reduce(0) { $0 + $1.end - $1.start }
        let length = video.seconds.map { ClockText.of($0) } ?? "\(video.snippets)"
        return [
            ("highest snippets, mean", score(video.score)), ("class", shown(video.label)),
            ("segments", "\(video.segments.count)"),
            ("of it in segments", percent(Float(inSegments) / Float(max(1, video.snippets)))),
            (video.seconds == nil ? "snippets" : "length", length),
        ].map { "<div><b>\(Markup.escaped($1))</b>\($0)</div>" }.joined()
    }

    private func segments(of video: ReportedVideo) -> String {
        guard !video.segments.isEmpty else {
            let threshold = video.threshold.map { " \($0)" } ?? ""
            return "<p>No segment reaches the threshold\(threshold).</p>\n"
        }
        let hasTimes = video.seconds != nil
        let rows = video.segments.map { segment in
            [shown(segment.label)]
                + (hasTimes
                    ? [segment.start, segment.end].map { video.seconds(at: $0).map { ClockText.of($0) } ?? "" } : [])
                + ["\(segment.start) – \(segment.end)", score(segment.score), "\(video.highest(of: segment))"]
        }
        return Markup.table(
            [["class"] + (hasTimes ? ["from", "to"] : []) + ["snippets (end excluded)", "score", "highest at"]] + rows)
    }

    /// What stands out in segments, as far as there are pictures of that.
    private func pictures(of video: ReportedVideo) -> String {
        let figures = video.segments.compactMap { segment -> String? in
            guard let picture = segment.picture else { return nil }
            let place = video.seconds(at: segment.start).map { ClockText.of($0) } ?? "snippet \(segment.start)"
            let caption = Markup.escaped("\(shown(segment.label)), \(place)")
            return "<figure><img alt=\"\(caption)\" src=\"data:image/jpeg;base64,\(Base64.encode(picture))\">"
                + "<figcaption>\(caption)</figcaption></figure>"
        }
        return figures.isEmpty ? "" : "<div class=\"pictures\">\(figures.joined())</div>\n"
    }

    private func classes(of video: ReportedVideo) -> String {
        let scores = zip(video.labels, video.classScores).sorted { $0.1 > $1.1 }
        return Markup.table(
            [["class", "score"]] + scores.prefix(32).map { [shown($0), "\(Decimals.percent(Double($1), 1))%"] })
    }

    private func sweep(of video: ReportedVideo) -> String {
        guard !video.sweep.isEmpty else { return "" }
        let rows = video.sweep.map { step in
            let share = Float(step.snippets) / Float(max(1, video.snippets))
            return ["\(step.threshold)", "\(step.segments)", "\(step.snippets)", percent(share)]
        }
        return "<h3>At other thresholds</h3>\n" + Markup.table([["threshold", "segments", "snippets", "of it"]] + rows)
    }

    private func provenance(of video: ReportedVideo) -> String {
        let rows = ([ReportedVideo.Fact("model", video.model)] + video.provenance).map { [$0.name, shown($0.value)] }
        return "<details><summary>Where the scores come from</summary>\n"
            + Markup.table([["what", "is"]] + rows) + "</details>\n"
    }

    private static let style = """
        body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
        main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 60px } a { color: var(--coarse) }
        h1 { margin: 0 0 6px; font-size: 26px; overflow-wrap: anywhere } h2 { margin: 40px 0 8px; font-size: 20px; \
        overflow-wrap: anywhere } h3 { margin: 24px 0 8px; font-size: 16px } p { margin: 6px 0; color: var(--soft) }
        .figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 14px 0 }
        .figures div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 8px 16px; \
        color: var(--soft); font-size: 13px }
        .figures b { display: block; color: var(--ink); font-size: 22px; font-variant-numeric: tabular-nums }
        .drawing { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 8px }
        .drawing svg { display: block; width: 100%; min-width: 640px }
        .pictures { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 12px } figure { margin: 0; max-width: 200px }
        .pictures img { display: block; max-width: 100%; height: auto; border-radius: 6px } figcaption { color: var(--soft); font-size: 13px }
        .wide { overflow-x: auto } table { border-collapse: collapse; background: var(--panel); font-size: 14px }
        th, td { border: 1px solid var(--line); padding: 4px 10px; text-align: right; font-variant-numeric: tabular-nums }
        th { color: var(--soft); font-weight: 600 } th:first-child, td:first-child { text-align: left }
        .notes { color: var(--soft); padding-left: 20px } summary { cursor: pointer; margin: 20px 0 8px; font-weight: 600 }

        """
}
