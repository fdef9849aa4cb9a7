import Extraction
import Frames
import Platform
import Synchronization
import Tensors
import TestSupport
import Testing

/// Frames of one colour each that come at given times.
private struct TimedFrames: FrameSource {
    let kind = "timed"
    let count: Int? = nil
    let times: [Double]
    private var index = 0

    init(_ times: [Double]) { self.times = times }

    var seconds: Double? { index > 0 ? times[index - 1] : nil }

    mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        guard index < times.count else { return false }
        frame = try Frame(width: 8, height: 6, bytes: [UInt8](repeating: UInt8(index % 128), count: 8 * 6 * 3))
        index += 1
        return true
    }
}

/// Counts the squares that it encodes.
private struct CountingEncoder: FrameEncoder {
    final class Tally: Sendable { let images = Atomic(0) }

    let resolution = 32
    let outputWidth = 3
    let tally: Tally

    func scratch(images: Int) -> Int { images }

    func encode(_ images: [[UInt8]], with scratch: Int) -> Matrix {
        tally.images.wrappingAdd(images.count, ordering: .relaxed)
        return FakeEncoder().encode(images, with: scratch)
    }
}

@Suite("Rows by frames and by time, and when they are")
struct CadenceTests {
    private func extracted(
        _ times: [Double], _ cadence: Cadence, _ pooling: Pooling = .mean, tail: Tail = .drop
    ) throws -> Extraction {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let settings = ExtractionSettings(recipes: [recipe], pooling: pooling, tail: tail, cadence: cadence)
        return try Extractor(settings, encoder: FakeEncoder(), threads: 2).extract(TimedFrames(times))
    }

    private func firsts(_ extraction: Extraction) -> [Float] {
        (0..<extraction.features[0].rows).map { extraction.features[0][$0, 0] }
    }

    private func steady(_ count: Int, rate: Double, from start: Double = 0) -> [Double] {
        (0..<count).map { start + Double($0) / rate }
    }

    private func isNear(_ one: [Double], _ other: [Double]) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { abs($0 - $1) < 1e-9 }
    }

    @Test("rows by frames begin with their first frames, and the last one ends where the next would begin")
    func byFrames() throws {
        #expect(isNear(try extracted(steady(53, rate: 10), .frames).times, [0, 1.6, 3.2, 4.8]))
        #expect(isNear(try extracted(steady(32, rate: 10), .frames).times, [0, 1.6, 3.2]))
        #expect(isNear(try extracted(steady(20, rate: 10), .frames, tail: .keep).times, [0, 1.6, 2]))
        #expect(try extracted(steady(15, rate: 10), .frames).times.isEmpty)
    }

    @Test("the rate is that of the frames, whatever comes first")
    func rates() throws {
        for rate in [5, 12.5, 25, 29.97, 60] {
            let found = try #require(try extracted(steady(64, rate: rate, from: 2), .frames).rate)
            #expect(abs(found - rate) < 1e-6)
        }
        #expect(try extracted(steady(64, rate: 10), .time).rate.map { abs($0 - 30) < 1e-6 } == true)
    }

    @Test(
        "at 30 frames a second both cadences give the same bits, also where times are in milliseconds",
        arguments: Pooling.allCases)
    func same(pooling: Pooling) throws {
        let exact = steady(53, rate: 30)
        let rounded = exact.map { ($0 * 1_000).rounded() / 1_000 }
        for tail in Tail.allCases {
            let byFrames = try extracted(exact, .frames, pooling, tail: tail)
            for times in [exact, rounded] {
                let byTime = try extracted(times, .time, pooling, tail: tail)
                #expect(byTime.features == byFrames.features)
                #expect(byTime.tailFrames == 5)
            }
        }
    }

    @Test("a row by time has the frames of 16/30 s, however many they are")
    func byTime() throws {
        // Of 10 a second those at 0 to 0.5, 0.6 to 1.0, 1.1 to 1.5.
        let found = try extracted(steady(16, rate: 10), .time)
        #expect(firsts(found) == [2.5, 8, 13])
        #expect(isNear(found.times, [0, 16.0 / 30, 32.0 / 30, 48.0 / 30]))
        #expect(try firsts(extracted(steady(16, rate: 10), .time, .first)) == [0, 6, 11])
        #expect(try firsts(extracted(steady(16, rate: 10), .time, .middle)) == [3, 8, 14])
    }

    @Test("a row in which no frame comes is of the one that is still shown")
    func gaps() throws {
        #expect(try firsts(extracted([0, 0.1, 2.0, 2.1, 2.2], .time, tail: .keep)) == [0.5, 1, 1, 2.5, 4])
        #expect(try firsts(extracted(steady(4, rate: 1), .time)) == [0, 1, 1, 2, 2, 3, 3])
    }

    @Test("a row is told of once no further frame can change it, wherever the frames end", arguments: Pooling.allCases)
    func sure(pooling: Pooling) throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let all = steady(40, rate: 30) + [4, 4.1, 4.2, 4.3] + steady(60, rate: 60, from: 5)
        for (cadence, tail) in [(Cadence.frames, Tail.drop), (.frames, .keep), (.time, .drop), (.time, .keep)] {
            let settings = ExtractionSettings(recipes: [recipe], pooling: pooling, tail: tail, cadence: cadence)
            let whole = try extracted(all, cadence, pooling, tail: tail).features[0].values
            for count in 0...all.count {
                let told = Mutex<[Float]>([])
                let cut = try Extractor(settings, encoder: FakeEncoder(), threads: 1).extract(
                    TimedFrames(Array(all.prefix(count))), from: Matrix(rows: 0, columns: 3), limit: 1_000
                ) { _ in
                } made: { row in
                    told.withLock { $0 += row }
                }
                let rows = told.withLock { $0 }
                #expect(whole.starts(with: rows), "\(count) frames by \(cadence), \(tail)")
                #expect(cut.features.first?.values.starts(with: rows) ?? rows.isEmpty)
            }
        }
    }

    @Test("rows in which no frame comes are encoded once, and are a day's at most")
    func longGaps() throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let settings = ExtractionSettings(recipes: [recipe], cadence: .time)
        let tally = CountingEncoder.Tally()
        func extract(_ times: [Double], from known: Int = 0) throws -> Extraction {
            tally.images.store(0, ordering: .relaxed)
            let rows = Matrix(rows: known, columns: 3, values: [Float](repeating: 7, count: 3 * known))
            return try Extractor(settings, encoder: CountingEncoder(tally: tally), threads: 1).extract(
                TimedFrames(times), from: rows, limit: .max, frames: { _ in }, made: { _ in })
        }
        let hours = try extract([0, 3_000, 3_000.1])
        #expect(hours.features[0].rows == 5_625 && tally.images.load(ordering: .relaxed) < 8)
        #expect(firsts(hours) == [0] + [Float](repeating: 0, count: 5_624))
        let rest = try extract([0, 3_000, 3_000.1], from: 2_000)
        #expect(firsts(rest) == [Float](repeating: 7, count: 2_000) + [Float](repeating: 0, count: 3_625))
        #expect(try extract((0..<25).map { 3_599 * Double($0) }).frames == 25)
        let error = failure(of: FrameError.self) { _ = try extract((0..<30).map { 3_599 * Double($0) }) }
        #expect(error?.kind == .malformed && error?.reason.contains("more than a day") == true)
    }

    @Test("times that make no rows are refused before there is no end of rows")
    func leaps() throws {
        let error = failure(of: FrameError.self) { _ = try extracted([0, 1e12], .time) }
        #expect(error?.kind == .malformed)
        #expect(error?.reason.contains("--cadence frames") == true)
        #expect(try extracted([0, 1e12], .frames).frames == 2)
    }

    @Test("frames without times make no rows by time, and rows by frames as ever")
    func timeless() throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let settings = ExtractionSettings(recipes: [recipe], cadence: .time)
        let error = failure(of: FrameError.self) {
            _ = try Extractor(settings, encoder: FakeEncoder(), threads: 1).extract(CountedFrames(16))
        }
        #expect(error?.kind == .unsupported)
        let byFrames = ExtractionSettings(recipes: [recipe])
        #expect(try Extractor(byFrames, encoder: FakeEncoder(), threads: 1).extract(CountedFrames(16)).times.isEmpty)
    }

    @Test("frames that are in no feature are passed over, where it is known which")
    func selections() throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        func selection(_ pooling: Pooling, _ tail: Tail = .drop, _ cadence: Cadence = .frames) -> FrameSelection? {
            ExtractionSettings(recipes: [recipe], pooling: pooling, tail: tail, cadence: cadence).selection
        }
        #expect(selection(.mean) == nil && selection(.middle, .keep) == nil && selection(.first, .drop, .time) == nil)
        #expect(
            selection(.first) == FrameSelection(every: 16, place: 0) && selection(.first, .keep) == selection(.first))
        #expect(selection(.middle) == FrameSelection(every: 16, place: 8))
    }

    @Test("the cadence is part of the recipe's digest where it is by time, and changes none of those by frames")
    func digests() throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let frames = ExtractionSettings(recipes: [recipe])
        let time = ExtractionSettings(recipes: [recipe], cadence: .time)
        #expect(!frames.text(of: recipe).contains("cadence"))
        #expect(time.text(of: recipe).ends(with: "tail drop\ncadence 16/30 s\n"))
        #expect(frames.digest(of: recipe) != time.digest(of: recipe))
    }

    @Test(
        "rates at which rows are far longer or shorter than those that models are trained on are told of, and no others"
    )
    func advice() throws {
        for rate in [20, 23.976, 25, 30, 45] { #expect(Cadence.frames.advice(rate: rate) == nil, "\(rate)") }
        for rate in [0.5, 10, 19.9, 50, 60, 240] { #expect(Cadence.frames.advice(rate: rate) != nil, "\(rate)") }
        let told = try #require(Cadence.frames.advice(rate: 10))
        #expect(told.contains("at 10 frames a second 16 frames, a row, are 1.6 s"))
        #expect(Cadence.time.advice(rate: 10) == nil && Cadence.frames.advice(rate: nil) == nil)
    }
}
