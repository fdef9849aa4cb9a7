import ArgumentParser
import Datasets

/// The abnormal intervals of a list that is tested, and how their numbers are read.
struct AnnotationOptions: ParsableArguments {
    @Option(
        help: """
            The abnormal intervals of the videos that are tested or validated on: a CSV of video,label,start,end, or a \
            benchmark's file. Plain numbers are frames; seconds are written as 12.5s or 1:02.
            """)
    var annotations: String?
    @Flag(help: "Plain numbers in the annotations are seconds.")
    var seconds = false
    @Option(
        help: "Frames a second of the videos, which seconds in one's own annotations need. (default: the benchmark's)")
    var fps: Double?

    /// Throws at a rate that no video has.
    func check() throws(Failure) {
        guard let fps, !Annotations.rates.contains(fps) else { return }
        throw Failure(.usage, "--fps \(fps): expected \(Annotations.ratesText)")
    }

    /// Reads the intervals.
    ///
    /// - Parameter rate: frames a second where the options have none
    func read(_ path: String, _ spelling: LabelSpelling, rate: Double?) throws(DatasetError) -> Annotations {
        try Annotations(path: path, spelling: spelling, framesPerSecond: fps ?? rate, inSeconds: seconds)
    }
}
