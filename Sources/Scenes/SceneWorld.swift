/// All made-up clips of a seed.
public struct SceneWorld: Sendable {
    /// d, the width of the features: that of the embedded model.
    public static let width = 64

    let seed: UInt64

    /// The world of a seed.
    public init(seed: UInt64) { self.seed = seed }

    /// The training clip of a number: every second one has an event, as often of each kind.
    ///
    /// Most are about as long as the embedded model's chunk, some shorter, so that the padding behind a clip is known in all
    /// places. An event may go on behind the clip's end.
    public func trainingClip(_ number: Int) -> SceneClip {
        var random = SceneRandom(seed: seed, kind: "train", number: number)
        let rows = random.integer(random.integer(1...5) <= 3 ? 24...32 : 12...32)
        let kind = number % 2 == 1 ? SceneEvent.allCases[number / 2 % SceneEvent.allCases.count] : nil
        var shots: [Shot] = []
        let left = rows * 16
        // The shot with the event is one of them, and long enough for most of it.
        let first = left > 280 && random.isHeads() ? random.integer(80...left - 190) : 0
        let isFirst = random.isHeads()
        let parts = first == 0 ? [left] : isFirst ? [left - first, first] : [first, left - first]
        for (index, frames) in parts.enumerated() {
            var event: (kind: SceneEvent, start: Int, length: Int)?
            let isPlace = parts.count == 1 || frames == left - first && (index == 0) == isFirst
            if let kind, isPlace {
                let length = random.integer(kind.lengths)
                event = (kind, random.integer(8...max(frames - 90, 9)), length)
            }
            shots.append(Director.shot(frames: frames, event: event, &random))
        }
        return SceneClip(name: Self.name("train-", number), shots: shots)
    }

    /// The test clip of a number: every second one has events, up to three of any kinds, whole and apart.
    public func testClip(_ number: Int) -> SceneClip { clip("test", number) }

    /// A clip as those of the test, to choose settings by.
    public func validationClip(_ number: Int) -> SceneClip { clip("validation", number) }

    private func clip(_ kind: String, _ number: Int) -> SceneClip {
        var random = SceneRandom(seed: seed, kind: kind, number: number)
        var shots: [Shot] = []
        var next = number / 2 % SceneEvent.allCases.count
        var events = number % 2 == 1 ? random.integer(1...3) : 0
        for _ in 0..<random.integer(2...4) {
            let frames = random.integer(360...520)
            var event: (kind: SceneEvent, start: Int, length: Int)?
            if events > 0, shots.isEmpty || random.happens(75) {
                let happens = SceneEvent.allCases[next]
                let length = random.integer(happens.lengths)
                event = (happens, random.integer(50...frames - length - 40), length)
                events -= 1
                next = random.integer(0...SceneEvent.allCases.count - 1)
            }
            shots.append(Director.shot(frames: frames, event: event, &random))
        }
        return SceneClip(name: Self.name(kind + "-", number), shots: shots)
    }

    /// A shot for single pictures, two of three with an event.
    func pictured(_ number: Int, _ random: inout SceneRandom) -> Shot {
        let frames = random.integer(160...300)
        var event: (kind: SceneEvent, start: Int, length: Int)?
        if number % 3 < 2 {
            let kind = SceneEvent.allCases[number % SceneEvent.allCases.count]
            event = (kind, random.integer(8...60), random.integer(kind.lengths))
        }
        return Director.shot(frames: frames, event: event, &random)
    }

    private static func name(_ prefix: String, _ number: Int) -> String {
        let digits = String(number)
        return prefix + String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
    }
}
