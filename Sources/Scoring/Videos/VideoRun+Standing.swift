import Jobs
import Platform
import Synchronization
import VadCLIP
import Video

/// The same features, made by another job at this time.
extension VideoRun {
    /// Whether others need not make these features. What was cut short for want of time may come to more the next time.
    var isOfUse: Bool {
        board.withLock { board in
            switch board.outcome {
            case nil: !board.isStopped
            case .success(let made)?: made.source.truncatedBy?.hasBytes(of: VideoFrames.Cut.end.rawValue) != true
            case .failure?: false
            }
        }
    }

    /// Begins, or takes over what has been made meanwhile; false while another job makes it.
    func start() -> Bool {
        guard let other = others.flatMap({ $0.running.leader($0.lookup, for: self) }) else {
            guard !hasBegun.exchange(true, ordering: .relaxed) else { return true }
            if let (_, head, values) = others?.kept() {
                var made = head.made
                made.source.featuresOfJob = head.job
                take(made, values, frames: made.source.frames)
            } else {
                begin()
            }
            return true
        }
        let theirs = other.board.withLock { $0 }
        guard case .success(var made)? = theirs.outcome else {
            board.withLock { ($0.frames, $0.expected) = (theirs.frames, theirs.expected ?? $0.expected) }
            return false
        }
        guard !hasBegun.exchange(true, ordering: .relaxed) else { return true }
        if made.source.featuresOfJob == nil { made.source.featuresOfJob = other.others.map { "\($0.job)" } }
        take(made, theirs.rows, frames: theirs.frames)
        return true
    }

    private func take(_ made: VideoMade, _ rows: [Float], frames: Int) {
        board.withLock { ($0.rows, $0.frames, $0.outcome) = (rows, frames, .success(made)) }
        board.wakeAll()
    }
}

/// What is known of it while it is worked on.
extension VideoRun {
    /// The chunks of the rows that there are: until all have come, those that are whole.
    var chunks: Chunks {
        board.withLock { board in
            let rows = board.rows.count / max(width, 1)
            let isOver = if case .success? = board.outcome { true } else { false }
            return Chunks(snippets: isOver ? rows : rows / length * length, length: length)
        }
    }

    /// Some of the rows.
    func rows(_ range: Range<Int>) -> ArraySlice<Float> {
        board.withLock { $0.rows[range.lowerBound * width..<range.upperBound * width] }
    }

    /// All of them.
    var features: [Float] { board.withLock { $0.rows } }

    /// What came; nil before all has.
    var made: VideoMade? { board.withLock { board in board.outcome.flatMap { try? $0.get() } } }

    /// How far it is, in what the job costs.
    func standing(parts: Int, partsDone: Int) -> JobStanding {
        let board = board.withLock { $0 }
        let isOver = board.outcome != nil
        let rows = board.rows.count / max(width, 1)
        let chunks = isOver ? Chunks(snippets: rows, length: length).count : nil
        let share = isOver ? 1 : board.expected.map { min(Double(board.frames) / Double(max($0, 1)), 0.999) } ?? 0
        let progress = VideoProgress(
            phase: isOver ? .score : board.began == nil ? .decode : .embed, frames: board.frames,
            expectedFrames: board.expected, rows: rows, chunksDone: partsDone, chunks: chunks)
        return JobStanding(
            partsDone: min(Int(share * Double(parts)), max(parts - 1, 0)), secondsLeft: secondsLeft(board, isOver),
            note: progress.coded,
            parts: isOver
                ? nil : making.parts(of: board.frames, isMade: false, paces, secondsPerChunk: nil))
    }

    private func secondsLeft(_ board: Board, _ isOver: Bool) -> Double? {
        if isOver { return 0 }
        guard let expected = board.expected else { return nil }
        let left = Double(max(expected - board.frames, 0))
        if let began = board.began, board.frames > began.frames {
            let each = (MonotonicTime.now - began.at).inSeconds / Double(board.frames - began.frames)
            // The first frames of a video say little of the others'.
            if board.frames - began.frames >= 16 { paces.record(secondsPerFrame: each, in: manner) }
            return left * each
        }
        return paces.seconds(frames: Int(left), in: manner)
    }
}
