import Tensors

/// What all made-up scenes of a seed have in common, and how a video of them is made.
///
/// A row is the common mean, the scene's background, levels of activity that drift, and noise; an event moves some rows
/// along the directions of activity, and a little along a direction of its own, on which normal scenes have levels too.
/// Backgrounds and levels change together where one scene is cut to the next.
public struct SceneWorld: Sendable {
    /// d, the width of the rows: that of the embedded model.
    public static let width = 64

    let seed: UInt64
    private let mean: [Float]
    /// Orthonormal: those of activity, then one of each kind of event.
    private let directions: [[Float]]

    private static let backgroundSize: Float = 0.3
    /// Not much less than events move rows: one row of an event is like those of a livelier scene.
    private static let activity: Float = 0.7
    private static let level: Float = 0.3
    private static let drift: Float = 0.03
    private static let trace: Float = 0.5
    private static let noise: Float = 0.15

    /// The world of a seed.
    public init(seed: UInt64) {
        self.seed = seed
        var random = SceneRandom(seed: seed, kind: "world", number: 0)
        mean = random.vector(Self.width, within: 0.5)
        var directions: [[Float]] = []
        for _ in 0..<SceneEvent.directions + SceneEvent.allCases.count {
            var direction = random.vector(Self.width, within: 1)
            for other in directions { direction.subtract(other, times: direction.dot(other)) }
            let length = direction.dot(direction).squareRoot()
            directions.append(direction.map { $0 / length })
        }
        self.directions = directions
    }

    /// The rows of a video.
    ///
    /// - Parameter events: what happens, each from its first snippet, which may be before the video's
    func features(snippets: Int, events: [(event: SceneEvent, start: Int, length: Int)], _ random: inout SceneRandom)
        -> Matrix
    {
        var (backgrounds, levels) = scenes(snippets: snippets, &random)
        for (event, start, length) in events {
            let strength = random.uniform(0.8, 1.3)
            let own = SceneEvent.directions + (SceneEvent.allCases.firstIndex(of: event) ?? 0)
            for (row, moves) in zip(start..., event.course(snippets: length, &random))
            where levels.indices.contains(row) {
                for (direction, move) in moves.enumerated() { levels[row][direction] += strength * move }
                levels[row][own] += Self.trace
            }
        }
        var values: [Float] = []
        for row in 0..<snippets {
            var x = zip(mean, backgrounds[row]).map { $0 + $1 }
            for (direction, level) in zip(directions, levels[row]) { x.subtract(direction, times: -level) }
            values += zip(x, random.vector(Self.width, within: Self.noise)).map { $0 + $1 }
        }
        return Matrix(rows: snippets, columns: Self.width, values: values)
    }

    /// Each snippet's background and its levels along the directions.
    private func scenes(snippets: Int, _ random: inout SceneRandom) -> (backgrounds: [[Float]], levels: [[Float]]) {
        var backgrounds: [[Float]] = []
        var levels: [[Float]] = []
        while levels.count < snippets {
            var background = random.vector(Self.width, within: Self.backgroundSize)
            for direction in directions { background.subtract(direction, times: background.dot(direction)) }
            let begin =
                random.vector(SceneEvent.directions, within: Self.activity)
                + random.vector(SceneEvent.allCases.count, within: Self.level)
            let drift = random.vector(directions.count, within: Self.drift)
            for snippet in 0..<min(random.integer(8...29), snippets - levels.count) {
                backgrounds.append(background)
                levels.append(zip(begin, drift).map { $0 + $1 * Float(snippet) })
            }
        }
        return (backgrounds, levels)
    }
}

extension [Float] {
    fileprivate func dot(_ other: [Float]) -> Float { zip(self, other).reduce(0) { $0 + $1.0 * $1.1 } }

    fileprivate mutating func subtract(_ other: [Float], times factor: Float) {
        for index in indices { self[index] -= factor * other[index] }
    }
}
