import Platform

/// How fast parts get done, as a mean in which older parts count less and less.
struct PartRate: Sendable {
    /// What a measurement still counts for after the next one: about the last fifty matter.
    private static let fading = 0.98

    /// The workers that share the parts.
    var workers = 1
    private var parts = 0.0
    private var seconds = 0.0

    /// The time that one worker takes for a part; nil before there was one.
    var secondsPerPart: Double? { parts > 0 ? seconds / parts : nil }

    /// How many parts all workers together do in a time, as a mean; nil before there was one.
    func parts(in time: Duration) -> Double? {
        seconds > 0 ? time.inSeconds * Double(max(workers, 1)) * parts / seconds : nil
    }

    /// Counts in a job's parts and the time that workers spent on them.
    mutating func record(parts newParts: Int, workerTime: Duration) {
        parts = parts * PartRate.fading + Double(newParts)
        seconds = seconds * PartRate.fading + workerTime.inSeconds
    }

    /// How long so many parts take all workers, never less than one part does; nil as long as nothing was measured.
    func seconds(parts: Double) -> Double? {
        secondsPerPart.map { $0 * max(parts / Double(max(workers, 1)), 1) }
    }
}
