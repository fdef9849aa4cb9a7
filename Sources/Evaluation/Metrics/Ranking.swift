/// The snippets of all videos by falling score, what equals in score together: what AUC, AP and their curves come from.
///
/// Each snippet stands for its 16 frames, so that nothing is repeated.
struct Ranking: Sendable {
    /// A snippet in the ranking.
    struct Entry: Sendable {
        /// Its video, by the list's order.
        let video: Int32
        /// Its frames that are abnormal, 0 to 16.
        let positives: Int16
        /// Whether the next snippet's score is lower.
        let isLast: Bool
        let score: Double
    }

    let entries: [Entry]

    /// Ranks a branch's scores of the videos for which `isCounted` holds.
    init(_ videos: [EvaluatedVideo], _ branch: Branch, where isCounted: (EvaluatedVideo) -> Bool = { _ in true }) {
        var places: [(video: Int32, positives: Int16, score: Double)] = []
        for (index, video) in videos.enumerated() where isCounted(video) {
            for (score, positives) in zip(video.scores(branch), video.positives) {
                places.append((Int32(index), Int16(positives), score))
            }
        }
        places.sort { $0.score > $1.score }
        entries = places.indices.map { at in
            let place = places[at]
            let isLast = at + 1 == places.count || places[at + 1].score != place.score
            return Entry(video: place.video, positives: place.positives, isLast: isLast, score: place.score)
        }
    }

    /// AUC and AP; each is nil where it is not defined.
    struct Figures: Equatable, Sendable {
        /// Area under the ROC curve: of an abnormal and a normal frame, how often the abnormal one is higher, ties by half.
        var auc: Double?
        /// Average precision: the sum of (R_n - R_(n-1)) P_n over the scores that occur, by steps and not by trapezes.
        var ap: Double?
    }

    /// AUC and AP of all snippets once, or of each video as many times as `weights` has it.
    func figures(weights: [Int]? = nil) -> Figures {
        let snippet = EvaluatedVideo.snippet
        var (truths, alarms) = (0, 0)
        var (groupTruths, groupAlarms) = (0, 0)
        var doubledArea = 0
        var precisions = 0.0
        for entry in entries {
            let weight = weights?[Int(entry.video)] ?? 1
            groupTruths += weight * Int(entry.positives)
            groupAlarms += weight * (snippet - Int(entry.positives))
            guard entry.isLast else { continue }
            doubledArea += groupAlarms * (2 * truths + groupTruths)
            truths += groupTruths
            alarms += groupAlarms
            if groupTruths > 0 { precisions += Double(groupTruths) * Double(truths) / Double(truths + alarms) }
            (groupTruths, groupAlarms) = (0, 0)
        }
        return Figures(
            auc: truths > 0 && alarms > 0 ? Double(doubledArea) / 2 / Double(truths) / Double(alarms) : nil,
            ap: truths > 0 ? precisions / Double(truths) : nil)
    }

    /// Frames at or above a score.
    struct Point: Equatable, Sendable {
        let score: Double
        /// Abnormal frames among them.
        let truths: Int
        /// Normal frames among them.
        let alarms: Int
    }

    /// The frames at or above each score that occurs, by falling score: ROC and precision-recall curves.
    var points: [Point] {
        var points: [Point] = []
        var (truths, frames) = (0, 0)
        for entry in entries {
            truths += Int(entry.positives)
            frames += EvaluatedVideo.snippet
            if entry.isLast { points.append(Point(score: entry.score, truths: truths, alarms: frames - truths)) }
        }
        return points
    }
}
