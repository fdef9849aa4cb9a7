/// How a canary stands.
package struct CanaryStanding: Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// Its file is not read yet.
        case loading
        /// It scores its part of the jobs.
        case comparing
        /// It is what is served by now, so that there is nothing to compare.
        case served
        /// Its file can't be used, or it could not score the last job.
        case failed
    }

    /// What is wrong with it, in a sentence.
    package enum Fault: Sendable {
        /// Why its file could not be used when it was last read; with its path.
        case file(String)
        /// Why it can't score jobs.
        case jobs(String)
    }

    package let state: State
    package let share: Double
    package let sha256: String?
    package let fault: Fault?
    package let tally: CanaryTally

    /// What is wrong with it.
    package var reason: String? {
        switch fault {
        case .file(let reason), .jobs(let reason): reason
        case nil: nil
        }
    }
}

/// What was found of the jobs that two versions have scored.
package struct CanaryTally: Sendable, Equatable {
    /// What the canary is compared with; nil before the first job.
    private let against: String?
    package private(set) var jobs = 0
    package var passedOver = 0
    package var failed = 0
    package private(set) var snippets = 0
    private var sum = 0.0
    /// The largest difference of a coarse score, the canary's less the model's.
    package private(set) var largest: Float = 0
    /// Snippets that differ by at least each of ``Canary/steps``.
    package private(set) var changed = Canary.steps.map { _ in 0 }
    package private(set) var lost = 0
    package private(set) var gained = 0

    /// Of nothing yet.
    package init(against sha256: String? = nil) { against = sha256 }

    /// The mean of the magnitudes by which the coarse scores differ.
    package var mean: Double { snippets > 0 ? sum / Double(snippets) : 0 }

    /// Whether it tells of this version of the model.
    func isAgainst(_ sha256: String) -> Bool { against?.hasBytes(of: sha256) == true }

    /// Adds a job.
    mutating func add(_ report: Canary.Report) {
        jobs += 1
        snippets += report.snippets
        sum += Double(report.mean) * Double(report.snippets)
        if report.largest.magnitude > largest.magnitude { largest = report.largest }
        changed = zip(changed, report.changed).map { $0 + $1 }
        lost += report.segments.lost
        gained += report.segments.gained
    }
}
