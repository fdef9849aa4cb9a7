import Reports
import Testing

@testable import Evaluation

@Suite("Thresholds, confidence and confusion")
struct ThresholdTests {
    @Test("the F1-best threshold is the best of all scores that occur", arguments: 1...5 as ClosedRange<UInt64>)
    func bestF1(seed: UInt64) throws {
        let videos = Videos.random(5, seed: seed).map(\.asServed)
        let frames = Videos.frames(videos, .coarse)
        let best = Set(frames.map(\.score)).map { threshold -> Double in
            let taken = frames.filter { $0.score >= threshold }
            return 2 * Double(taken.count(where: \.truth)) / Double(taken.count + frames.count(where: \.truth))
        }.max()
        let found = try #require(Thresholds(videos, framesPerSecond: 30, allowedPerHour: 1).bestF1)
        #expect(abs(found.f1 - (best ?? 0)) < 1e-12)
        let taken = frames.filter { $0.score >= found.threshold }
        #expect(abs(found.precision - Double(taken.count(where: \.truth)) / Double(taken.count)) < 1e-12)
    }

    @Test(
        "false alarms are runs that cover no abnormal frame, at each threshold", arguments: 1...6 as ClosedRange<UInt64>
    )
    func alarms(seed: UInt64) throws {
        let videos = Videos.random(6, levels: 9, seed: seed).map(\.asServed)
        let thresholds = Thresholds(videos, framesPerSecond: 16, allowedPerHour: 1)
        #expect(!thresholds.curve.isEmpty)
        for point in thresholds.curve {
            var (alarms, found) = (0, 0)
            for video in videos {
                var runs: [Range<Int>] = []
                for snippet in video.coarse.indices where video.coarse[snippet] >= point.threshold {
                    if let last = runs.last, last.upperBound == snippet {
                        runs[runs.count - 1] = last.lowerBound..<snippet + 1
                    } else {
                        runs.append(snippet..<snippet + 1)
                    }
                }
                alarms += runs.count { !$0.contains { video.positives[$0] > 0 } }
                found += video.intervals.count { interval in
                    runs.contains { ($0.lowerBound * 16..<$0.upperBound * 16).overlaps(interval.frames) }
                }
            }
            #expect(abs(point.falseAlarmsPerHour * thresholds.hours - Double(alarms)) < 1e-9, "seed \(seed)")
            #expect(point.found == found, "seed \(seed)")
        }
    }

    @Test("the bounded threshold never gives more false alarms than are allowed, nor does any above it")
    func bounded() throws {
        let quiet = Videos.make("n", coarse: [-1, 2, -1, 2, -1])
        let event = Videos.make("a", coarse: [3, -3, 1, -3, -3], truth: [0..<16, 32..<48])
        // Ten snippets of 16 frames at 16 frames a second are ten seconds: one alarm is 360 an hour.
        let none = Thresholds([quiet, event], framesPerSecond: 16, allowedPerHour: 0)
        #expect(none.bounded?.found == 1 && none.bounded?.falseAlarmsPerHour == 0)
        #expect(none.events == 2)
        let two = Thresholds([quiet, event], framesPerSecond: 16, allowedPerHour: 721)
        #expect(two.bounded?.found == 2 && abs((two.bounded?.falseAlarmsPerHour ?? 0) - 720) < 1e-9)
        #expect(two.bounded?.threshold == Double(event.served[2]))
        let loud = Thresholds([Videos.make(coarse: [1])], framesPerSecond: 16, allowedPerHour: 1)
        #expect(loud.bounded == nil && loud.bestF1 == nil)
    }

    @Test("scores that are served as one number are above a threshold together")
    func served() throws {
        let quiet = Videos.make("n", coarse: [-1, 30, -1])
        let event = Videos.make("a", coarse: [-3, 31, -3], truth: [16..<32])
        #expect(quiet.coarse[1] < event.coarse[1] && quiet.served[1] == 1 && event.served[1] == 1)
        let thresholds = Thresholds([quiet, event], framesPerSecond: 16, allowedPerHour: 100)
        #expect(thresholds.bounded == nil)
        #expect(thresholds.curve.first?.found == 1 && thresholds.curve.first?.threshold == 1)
        #expect(Decimals.threshold(0.999_999_94) == "0.99999994")
    }

    @Test("confidence depends on the seed and not on the threads, and surrounds the figure")
    func bootstrap() throws {
        let videos = Videos.random(30, seed: 4)
        let evaluation = Evaluation(videos, classes: Videos.names(3), normalTruth: true)
        let one = Bootstrap(evaluation, draws: 200, seed: 1, threads: 1)
        #expect(one == Bootstrap(evaluation, draws: 200, seed: 1, threads: 3))
        #expect(one != Bootstrap(evaluation, draws: 200, seed: 2, threads: 3))
        let interval = try #require(one["auc_coarse"])
        let auc = try #require(evaluation.coarse.auc)
        #expect(interval.low < auc && auc < interval.high)
        #expect(one.intervals.count == 9)
    }

    @Test("each draw has as many videos as the list, and each video its turn")
    func draws() {
        var counts = [Int](repeating: 0, count: 10)
        for draw in 0..<500 {
            let weights = Bootstrap.weights(10, seed: 0, draw: draw)
            #expect(weights.reduce(0, +) == 10)
            for index in counts.indices { counts[index] += weights[index] }
        }
        // 500 each, with a deviation of 21.
        #expect(counts.allSatisfy { (400...600).contains($0) }, "\(counts)")
        #expect(Bootstrap.percentile([1, 2, 3, 4, 5], 0.5) == 3)
        #expect(Bootstrap.percentile([1, 2], 0.25) == 1.25)
    }

    @Test("confusion counts videos by their labels, and snippets by what most of their frames are")
    func confusion() {
        let found = Videos.make("a", coarse: [0, 0], fine: [[0, 6, 0], [5, 0, 0]], truth: [(1, 0..<16)])
        let other = Videos.make(
            "b", coarse: [0, 0], fine: [[0, 5, 0], [0, 5, 0]], truth: [(1, 0..<7), (2, 16..<24)])
        let confusion = Confusion([found, other], classes: 3)
        #expect(confusion.videos == [[0, 0, 0], [0, 2, 0], [0, 0, 0]])
        #expect(confusion.snippets == [[1, 1, 0], [0, 1, 0], [0, 1, 0]])
    }
}
