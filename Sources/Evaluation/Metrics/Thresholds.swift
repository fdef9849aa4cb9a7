import Datasets

/// Where to set the threshold of the coarse score: proposals, from the test videos.
public struct Thresholds: Sendable, Equatable {
    /// What a threshold gives, frame by frame.
    public struct Choice: Sendable, Equatable {
        /// A snippet is abnormal where its coarse score is at least this.
        public let threshold: Double
        /// 2 P R / (P + R) over the frames.
        public let f1: Double
        /// Of the frames said to be abnormal, how many are.
        public let precision: Double
        /// Of the abnormal frames, how many are said to be.
        public let recall: Double
    }

    /// What a threshold gives, event by event. An alarm is a run of snippets at or above it; it is false where it covers no
    /// abnormal frame, and an event is found where an alarm covers a frame of it.
    public struct Alarms: Sendable, Equatable {
        /// A snippet is abnormal where its coarse score is at least this.
        public let threshold: Double
        /// False alarms an hour of video.
        public let falseAlarmsPerHour: Double
        /// Annotated intervals that are found.
        public let found: Int
    }

    /// The threshold with the highest F1; nil without abnormal frames.
    public let bestF1: Choice?
    /// Of the thresholds that, with all above them, give at most so many false alarms an hour, the highest that finds as many
    /// events as any; nil where there is none.
    public let bounded: Alarms?
    /// False alarms an hour that were allowed.
    public let allowedPerHour: Double
    /// Frames a second that hours are counted by.
    public let framesPerSecond: Double
    /// Hours of video.
    public let hours: Double
    /// Annotated intervals that lie within their videos.
    public let events: Int
    /// What each threshold that changes something gives, by falling threshold.
    public let curve: [Alarms]

    /// Looks at all scores that occur, in the precision that they are served in: a threshold is used there.
    public init(_ videos: [EvaluatedVideo], framesPerSecond: Double, allowedPerHour: Double) {
        let videos = videos.map(\.asServed)
        let events = Self.events(of: videos)
        let hours = Double(videos.reduce(0) { $0 + $1.frames }) / framesPerSecond / 3600
        bestF1 = Self.bestF1(Ranking(videos, .coarse).points)
        curve = Self.curve(videos, events: events, hours: hours)
        let allowed = curve.prefix { $0.falseAlarmsPerHour <= allowedPerHour }
        bounded = allowed.first { $0.found == allowed.last?.found }
        self.allowedPerHour = allowedPerHour
        self.framesPerSecond = framesPerSecond
        self.hours = hours
        self.events = events.count
    }

    private static func bestF1(_ points: [Ranking.Point]) -> Choice? {
        guard let all = points.last, all.truths > 0 else { return nil }
        func f1(_ point: Ranking.Point) -> Double {
            2 * Double(point.truths) / Double(all.truths + point.truths + point.alarms)
        }
        return points.max { f1($0) < f1($1) }.map { point in
            Choice(
                threshold: point.score, f1: f1(point),
                precision: Double(point.truths) / Double(max(1, point.truths + point.alarms)),
                recall: Double(point.truths) / Double(all.truths))
        }
    }

    /// The highest coarse score that each event has, by falling score: at or below it the event is found.
    private static func events(of videos: [EvaluatedVideo]) -> [Double] {
        let snippet = EvaluatedVideo.snippet
        return videos.flatMap { video in
            video.intervals.compactMap { interval in
                let first = interval.frames.lowerBound / snippet
                let end = min(video.snippets, (interval.frames.upperBound + snippet - 1) / snippet)
                return first < end ? video.coarse[first..<end].max() : nil
            }
        }.sorted(by: >)
    }

    /// Lowers the threshold over all scores: each step adds snippets, which begin alarms, lengthen or join them.
    private static func curve(_ videos: [EvaluatedVideo], events: [Double], hours: Double) -> [Alarms] {
        guard hours > 0 else { return [] }
        var runs = AlarmRuns(videos)
        var curve: [Alarms] = []
        var found = 0
        for (index, entry) in runs.order.enumerated() {
            runs.add(entry.place)
            let isLast = index + 1 == runs.order.count || runs.order[index + 1].score != entry.score
            guard isLast else { continue }
            while found < events.count, events[found] >= entry.score { found += 1 }
            let rate = Double(runs.falseRuns) / hours
            // A step that changes neither is no news.
            if let last = curve.last, last.found == found, last.falseAlarmsPerHour == rate { continue }
            curve.append(Alarms(threshold: entry.score, falseAlarmsPerHour: rate, found: found))
        }
        return curve
    }
}

/// The runs of snippets at or above a threshold that falls, and how many of them cover no abnormal frame.
private struct AlarmRuns {
    /// Snippets by falling score; a place counts through all videos, with one between them that is never added.
    private(set) var order: [(place: Int, score: Double)] = []
    private(set) var falseRuns = 0
    private var isTrue: [Bool] = []
    /// At both ends of a run its other end, and whether it covers an abnormal frame; nil elsewhere or inside.
    private var otherEnd: [Int?] = []

    init(_ videos: [EvaluatedVideo]) {
        isTrue = [false]
        for video in videos {
            for (score, positives) in zip(video.coarse, video.positives) {
                order.append((isTrue.count, score))
                isTrue.append(positives > 0)
            }
            isTrue.append(false)
        }
        otherEnd = [Int?](repeating: nil, count: isTrue.count)
        order.sort { $0.score > $1.score || $0.score == $1.score && $0.place < $1.place }
    }

    /// Adds a snippet; a run's two ends say of it as a whole whether it is true.
    mutating func add(_ place: Int) {
        var (first, last) = (place, place)
        var isTrue = isTrue[place]
        if let begin = otherEnd[place - 1] {
            if !self.isTrue[place - 1] { falseRuns -= 1 }
            isTrue = isTrue || self.isTrue[place - 1]
            first = begin
        }
        if let end = otherEnd[place + 1] {
            if !self.isTrue[place + 1] { falseRuns -= 1 }
            isTrue = isTrue || self.isTrue[place + 1]
            last = end
        }
        if !isTrue { falseRuns += 1 }
        otherEnd[place] = place
        (otherEnd[first], otherEnd[last]) = (last, first)
        (self.isTrue[first], self.isTrue[last]) = (isTrue, isTrue)
    }
}
