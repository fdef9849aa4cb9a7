import Frames
import JSON
import Platform

/// How a machine kept up with a source that came at its own rate, and how many such it carries.
struct RealTimeReport {
    /// Frames a second of a source that knows no times, unless another rate is given.
    static let rate = 30.0
    static let rates = 0.1...1_000

    /// How taking its frames went.
    let pace: PacedFrames.Pace
    let rows: Int
    /// Seconds from the last frame's time to the last row.
    let secondsBehind: Double
    /// Seconds of processors that this process and its decoder had.
    let processorSeconds: Double
    let processors: Int

    init(_ pace: PacedFrames.Pace, rows: Int, secondsBehind: Double, processorSeconds: Double, processors: Int) {
        (self.pace, self.rows, self.secondsBehind) = (pace, rows, secondsBehind)
        (self.processorSeconds, self.processors) = (processorSeconds, processors)
    }

    /// Seconds from the first frame to the last row, which can't come before its frames.
    private var seconds: Double { pace.seconds + max(0, secondsBehind) }
    private func perSecond(_ seconds: Double) -> Double { seconds > 0 ? Double(rows) / seconds : 0 }
    /// Rows that come in a second of the source.
    var neededRows: Double { perSecond(pace.seconds) }
    /// Rows that were made in a second.
    var madeRows: Double { perSecond(seconds) }
    /// The part of the processors' time that one such source takes.
    var share: Double { pace.seconds > 0 ? processorSeconds / (pace.seconds * Double(processors)) : 0 }
    /// How many such sources have room, by processors' time alone.
    var cameras: Double { share > 0 ? 1 / share : 0 }

    func write(to json: inout JSONWriter) {
        json.key("realtime")
        json.object { json in
            json.member("source_seconds", pace.seconds)
            json.member("seconds", seconds)
            json.member("rows_per_second_needed", neededRows)
            json.member("rows_per_second_made", madeRows)
            json.member("most_late_seconds", pace.mostLate)
            json.member("behind_at_end_seconds", secondsBehind)
            json.member("processor_seconds", processorSeconds)
            json.member("processors", processors)
            json.member("spare", max(0, 1 - share))
            json.member("cameras", cameras)
        }
    }

    /// For a person.
    var text: String {
        "real time: \(ReportText.fixed(madeRows, 2)) rows a second of \(ReportText.fixed(neededRows, 2)), frames at most "
            + "\(ReportText.fixed(pace.mostLate, 2)) s late, the last row \(ReportText.fixed(max(0, secondsBehind), 2)) s behind; "
            + "\(ReportText.fixed(100 * share, 1)) % of \(counted(processors, "processor")), which carry "
            + "\(ReportText.fixed(cameras, 1)) such cameras"
    }
}

/// The time that all threads of this process have had of processors.
enum ProcessClock {
    static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
