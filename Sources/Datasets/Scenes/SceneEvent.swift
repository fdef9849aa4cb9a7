/// What can happen in a made-up scene: the classes of its videos, each told by its course over time alone.
///
/// An event moves a snippet along three directions of activity, on which normal scenes have levels of their own too. So
/// one snippet of an event says little: it looks like another scene's level.
public enum SceneEvent: String, CaseIterable, Sendable {
    /// The first activity grows steadily and falls back at once.
    case rise
    /// The second jumps to and fro from each snippet to the next.
    case flicker
    /// The first jumps, stays and returns, with no change of the background.
    case step
    /// The first and the second go round in a circle, as far as straight lines can.
    case oscillation
    /// The second and the third jump without any order.
    case burst
    /// The third goes to one side, then for as long to the other.
    case reversal

    /// Directions of activity that events use.
    static let directions = 3

    /// Class labels of made-up scenes, the normal one first.
    public static let labels = ["normal"] + allCases.map(\.rawValue)

    /// Snippets that an event of this kind lasts.
    var lengths: ClosedRange<Int> {
        switch self {
        case .flicker, .burst: 6...14
        case .step: 5...12
        case .rise, .reversal: 8...16
        case .oscillation: 8...18
        }
    }

    /// How far an event moves each of its snippets along the three directions, in units of its strength.
    ///
    /// Nothing here is computed by the C library, whose sines differ between systems.
    func course(snippets n: Int, _ random: inout SceneRandom) -> [[Float]] {
        let side: Float = random.isHeads() ? 1 : -1
        let (period, phase) = (random.uniform(5, 7), random.uniform(0, 1))
        return (0..<n).map { snippet in
            let t = Float(snippet)
            switch self {
            case .rise: return [1.6 * (t + 1) / Float(n), 0, 0]
            case .flicker: return [0, snippet % 2 == 0 ? side : -side, 0]
            case .step: return [1, 0, 0]
            case .oscillation:
                return [Self.triangle(t / period + phase), Self.triangle(t / period + phase + 0.25), 0]
            case .burst: return [0, Self.jump(&random), Self.jump(&random)]
            case .reversal: return [0, 0, snippet < n / 2 ? side : -side]
            }
        }
    }

    private static func jump(_ random: inout SceneRandom) -> Float {
        random.isHeads() ? random.uniform(0.5, 1.4) : random.uniform(-1.4, -0.5)
    }

    /// A wave of period 1 between -1 and 1, made of straight lines.
    private static func triangle(_ x: Float) -> Float {
        let part = x - x.rounded(.down)
        return part < 0.5 ? 4 * part - 1 : 3 - 4 * part
    }
}
