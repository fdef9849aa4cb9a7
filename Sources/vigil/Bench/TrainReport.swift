import JSON

/// What `vigil bench train` measured.
struct TrainReport {
    let kernels: String
    let preset: String
    let videos: Int
    let snippets: Int
    let threads: Int
    /// Floating-point operations a second of one core's multiply-add units.
    let peak: Double
    /// The median step.
    let seconds: Double
    /// The fastest step.
    let best: Double
    /// Floating-point operations of a step.
    let operations: Double

    private var rate: Double { operations / seconds }
    private var share: Double { rate / peak / Double(threads) }

    var text: String {
        """
        kernels \(kernels), peak of a core \(ReportText.fixed(peak / 1e9, 1)) GFLOP/s
        a step of \(videos) videos of \(snippets) snippets with \(preset)'s settings, \(threads) threads: \
        \(ReportText.fixed(seconds * 1e3, 0)) ms (best \(ReportText.fixed(best * 1e3, 0)) ms), \
        \(ReportText.fixed(rate / 1e9, 1)) GFLOP/s, \(Int((100 * share).rounded()))% of the peak
        """
    }

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("kernels", kernels)
                json.member("preset", preset)
                json.member("videos", videos)
                json.member("snippets", snippets)
                json.member("threads", threads)
                json.member("peak_gflops", peak / 1e9)
                json.member("ms", seconds * 1e3)
                json.member("best_ms", best * 1e3)
                json.member("gflop", operations / 1e9)
                json.member("gflops", rate / 1e9)
                json.member("share_of_peak", share)
            }
        }
    }
}
