import Frames
import TestSupport
import Testing

@testable import Scenes

@Suite("made-up scenes") struct SceneTests {
    private let world = SceneWorld(seed: 3)

    private func bytes(_ clip: SceneClip, _ frame: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 3 * SceneClip.size.width * SceneClip.size.height)
        bytes.withUnsafeMutableBytes { clip.draw(frame, into: $0) }
        return bytes
    }

    @Test("a seed and a number make a clip, whatever others are made") func repeatable() {
        let clip = world.trainingClip(7)
        #expect(bytes(SceneWorld(seed: 3).trainingClip(7), 100) == bytes(clip, 100))
        #expect(bytes(SceneWorld(seed: 4).trainingClip(7), 100) != bytes(clip, 100))
        #expect(bytes(world.trainingClip(9), 100) != bytes(clip, 100))
        #expect(bytes(world.testClip(7), 100) != bytes(clip, 100))
        #expect(bytes(world.validationClip(7), 100) != bytes(world.testClip(7), 100))
    }

    @Test("the first training clips have the pixels that they had when the embedded model was trained") func pixels() {
        var sum = UInt64(0)
        for number in 0..<20 {
            let clip = SceneWorld(seed: 1).trainingClip(number)
            for frame in stride(from: 0, to: clip.frames, by: 97) {
                for byte in bytes(clip, frame) { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01B3 }
            }
        }
        #expect(sum == 5_832_783_041_079_367_048)
    }

    @Test("every second clip is normal, and each event as frequent as the others") func balance() {
        let labels = (0..<100).map { world.trainingClip($0).label }
        #expect(labels.filter { $0 == "normal" }.count == 50)
        for event in SceneEvent.allCases { #expect(labels.filter { $0 == event.rawValue }.count == 10) }
    }

    @Test("events lie in their clips: whole and apart in test clips, and seen for five rows in the others")
    func events() {
        for number in 0..<100 {
            let trained = world.trainingClip(number)
            #expect((12 * 16...32 * 16).contains(trained.frames) && trained.events.count == number % 2)
            #expect(
                trained.events.allSatisfy { $0.frames.count >= 80 && $0.frames.upperBound <= trained.frames })
            let tested = world.testClip(number)
            #expect(tested.events.isEmpty == number.isMultiple(of: 2))
            for (event, next) in zip(tested.events, tested.events.dropFirst()) {
                #expect(event.frames.upperBound + 30 <= next.frames.lowerBound)
            }
            for event in tested.events {
                #expect(event.kind.lengths.contains(event.frames.count))
                #expect(event.frames.upperBound <= tested.frames)
            }
        }
    }

    @Test("in the middle of an event is to be seen what it is made of, and in no normal clip") func sights() {
        let marks: [SceneEvent: SceneSight] = [
            .fight: .striking, .collision: .slopingCar, .explosion: .flame, .fall: .lying, .theft: .armsUp,
        ]
        for number in 0..<60 {
            let clip = world.testClip(number)
            for event in clip.events {
                let middle = (event.frames.lowerBound + event.frames.upperBound) / 2
                let mark = marks[event.kind]
                #expect(mark.map { clip.sights(at: middle).contains($0) } == true, "\(clip.name): \(event.kind)")
            }
            guard clip.events.isEmpty else { continue }
            for frame in stride(from: 0, to: clip.frames, by: 30) {
                #expect(clip.sights(at: frame).isDisjoint(with: marks.values), "\(clip.name), frame \(frame)")
            }
        }
    }

    @Test("its frames are read as any others, with their times") func source() throws {
        let clip = world.trainingClip(3)
        var source = clip.source
        #expect(source.count == clip.frames && source.seconds == nil)
        var frame: Frame?
        for number in 0..<3 {
            #expect(try source.next(into: &frame))
            #expect(frame?.withUnsafeBytes { Array($0) } == bytes(clip, number))
            #expect(source.seconds == Double(number) / 30)
        }
        var count = 3
        while try source.next(into: &frame) { count += 1 }
        #expect(count == clip.frames)
    }

    @Test("what is drawn beyond an edge of the picture is left out") func edges() {
        var canvas = Canvas(.road)
        canvas.disc(Point(-3, -3), 5, .flame0)
        canvas.fill(150, 110, 400, 400, .flame1)
        canvas.fill(20, -50, 10, -10, .flame2)
        canvas.line(Point(155, 60), Point(300, 60), 3, .steam)
        #expect(canvas.pixels.count == Canvas.width * Canvas.height)
        #expect(canvas.pixels.first == Ink.flame0.rawValue && canvas.pixels.last == Ink.flame1.rawValue)
        #expect(!canvas.pixels.contains(Ink.flame2.rawValue))
        #expect(canvas.pixels.count { $0 == Ink.steam.rawValue } == 3 * 6)
    }

    @Test("pictures to learn from are squares, and each thing that can be seen is in some") func pictures() throws {
        let examples = SceneExamples(world, recipe: try SceneClip.recipe(resolution: 64))
        var seen = [Float](repeating: 0, count: SceneSight.allCases.count)
        for number in 0..<500 {
            let (square, sights) = examples[number]
            #expect(square.count == 3 * 64 * 64 && sights.count == seen.count)
            seen = zip(seen, sights).map { $0 + $1 }
        }
        for (sight, count) in zip(SceneSight.allCases, seen) { #expect(count > 0, "\(sight)") }
    }
}
