/// Where a job is on its way.
///
/// ```
///                     claim                    complete
///   insert ─▶ queued ───────▶ running ──┬──────────────▶ succeeded
///               │  ▲             │      │
///               │  └─────────────┘      ├──────────────▶ failed      (by its own fault, or out of attempts)
///               │      release, or the  │
///               │      lease ran out    │
///               │      cancel           │  at the next part
///               └───────────────────────┴──────────────▶ cancelled
/// ```
///
/// A running job that is cancelled stays `running` until its worker has stopped. A job that nobody has begun before its
/// deadline goes from `queued` to `failed`, and so does one whose model is not served where that is asked for.
public enum JobStatus: String, Sendable, Hashable, CaseIterable {
    /// Committed, and waiting for a worker.
    case queued
    /// Held by a worker under a ``ClaimToken``.
    case running
    /// Ended, with an output.
    case succeeded
    /// Ended, with a ``JobFailure``.
    case failed
    /// Ended because it was told to.
    case cancelled

    /// Whether the job will change no more.
    public var isEnded: Bool {
        switch self {
        case .queued, .running: false
        case .succeeded, .failed, .cancelled: true
        }
    }

    /// The one place that says which changes there are; every store keeps to it.
    public func canBecome(_ next: JobStatus) -> Bool {
        switch (self, next) {
        case (.queued, .running), (.queued, .failed), (.queued, .cancelled): true
        case (.running, .queued), (.running, .succeeded), (.running, .failed), (.running, .cancelled): true
        default: false
        }
    }
}
