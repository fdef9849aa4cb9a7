/// What a person does with the body.
enum Pose: Equatable, Sendable {
    case stand, walk, run, stoop, sit, strike, reach, wave, alarm, embrace
    /// So many eighths of the way to the ground.
    case tilted(Int)
}

/// Somebody, and what is done when.
struct Person {
    /// A time of doing one thing, on a straight way.
    struct Act {
        let frames: Range<Int>
        let pose: Pose
        let from: Int
        let to: Int
        /// -1 to the left, 1 to the right.
        let facing: Int
        var hasBag = false
        /// Eighths of the way to the ground at its begin and at its end, where the body falls or gets up.
        var tilt: (from: Int, to: Int)?

        func pose(at frame: Int) -> Pose {
            guard let tilt else { return pose }
            return .tilted(tilt.from + (tilt.to - tilt.from) * (frame - frames.lowerBound) / max(frames.count - 1, 1))
        }

        func x(at frame: Int) -> Int { from + (to - from) * (frame - frames.lowerBound) / max(frames.count, 1) }
    }

    let height: Int
    /// Where the feet are.
    let ground: Int
    let shirt: Ink
    let trousers: Ink
    let bag: Ink
    let phase: Int
    var acts: [Act] = []

    init(_ random: inout SceneRandom) {
        height = random.integer(50...58)
        ground = random.integer(Street.pavement)
        shirt = .of(.shirt0, random.integer(0...5))
        trousers = .of(.trousers0, random.integer(0...2))
        bag = .of(.bag0, random.integer(0...2))
        phase = random.integer(0...63)
    }

    init(_ other: Person, ground: Int, bag: Ink) {
        (height, shirt, trousers, phase, acts) = (other.height, other.shirt, other.trousers, other.phase, other.acts)
        (self.ground, self.bag) = (ground, bag)
    }

    /// What is done at a frame; nil where the person is not there.
    func act(at frame: Int) -> Act? { acts.first { $0.frames.contains(frame) } }

    func draw(at frame: Int, on canvas: inout Canvas) {
        guard let act = act(at: frame) else { return }
        let x = act.x(at: frame)
        guard (-30..<Canvas.width + 30).contains(x) else { return }
        Figure(self, act, x, frame).draw(on: &canvas)
    }
}

/// A body in one frame: places as shares of its height, up from the feet and forward.
private struct Figure {
    private let person: Person
    private let pose: Pose
    private let foot: Point
    private let facing: Int
    private let frame: Int
    private let hasBag: Bool
    /// The body's own up and forward, in 16th.
    private let up: (x: Int, y: Int)
    private let forward: (x: Int, y: Int)

    /// From upright to the ground in eight steps, in 16th.
    private static let axes = [
        (0, -16), (3, -16), (6, -15), (9, -13), (11, -11), (13, -9), (15, -6), (16, -3), (16, 0),
    ]

    init(_ person: Person, _ act: Person.Act, _ x: Int, _ frame: Int) {
        (self.person, self.frame, facing, hasBag) = (person, frame, act.facing, act.hasBag)
        pose = act.pose(at: frame)
        let tilt = if case .tilted(let eighths) = pose { min(max(eighths, 0), 8) } else { 0 }
        let axis = Self.axes[tilt]
        up = (axis.0 * act.facing, axis.1)
        forward = (-axis.1 * act.facing, axis.0)
        let jitter = pose == .strike ? Wave.noise(frame / 3, person.phase, below: 5) - 2 : 0
        foot = Point(x + jitter, person.ground - tilt * 3 / 8)
    }

    /// - Parameters:
    ///   - rise: percent of the height
    ///   - ahead: percent of the height
    private func at(_ rise: Int, _ ahead: Int) -> Point {
        let h = person.height
        return Point(
            foot.x + (h * (rise * up.x + ahead * forward.x)) / 1_600,
            foot.y + (h * (rise * up.y + ahead * forward.y)) / 1_600)
    }

    private struct Limbs {
        var hip = (48, 0)
        var shoulder = (80, 0)
        var head = (92, 0)
        var feet = [(0, 6), (0, -6)]
        var knees: [(Int, Int)] = []
        var hands = [(46, 5), (46, -5)]
    }

    private var limbs: Limbs {
        var l = Limbs()
        let beat = frame + person.phase
        switch pose {
        case .stand: break
        case .walk:
            let swing = Wave.triangle(beat * 2) * 16 / 16
            l.feet = [(0, swing), (0, -swing)]
            l.hands = [(48, -swing * 3 / 4), (48, swing * 3 / 4)]
        case .run:
            let swing = Wave.triangle(beat * 4) * 30 / 16
            l.feet = [(max(swing / 3, 0), swing), (max(-swing / 3, 0), -swing)]
            (l.shoulder, l.head) = ((79, 10), (90, 15))
            l.hands = [(66, 10 - swing * 3 / 4), (66, 10 + swing * 3 / 4)]
        case .stoop:
            (l.hip, l.shoulder, l.head) = ((46, -8), (60, 24), (56, 38))
            l.hands = [(22, 30), (24, 36)]
        case .sit:
            (l.hip, l.shoulder, l.head) = ((26, 0), (58, -2), (70, 0))
            l.knees = [(28, 22), (28, 20)]
            l.feet = [(0, 22), (0, 20)]
            l.hands = [(32, 16), (32, 14)]
        case .strike:
            (l.shoulder, l.head) = ((77, 10), (88, 13))
            l.feet = [(0, 22), (0, -22)]
            let isOut = (beat / 5) % 2 == 0
            l.hands = isOut ? [(78, 48), (70, 22)] : [(88, 20), (72, 44)]
        case .reach:
            (l.shoulder, l.head) = ((76, 14), (86, 20))
            l.feet = [(0, 18), (0, -18)]
            l.hands = [(52, 44), (56, 40)]
        case .wave: l.hands = [(114, 14 + Wave.triangle(beat * 6) / 2), (46, -6)]
        case .alarm:
            let shake = Wave.triangle(beat * 6) / 2
            l.hands = [(114, 24 + shake), (114, -24 + shake)]
            l.feet = [(0, 12), (0, -12)]
        case .embrace:
            l.hands = [(72, 22), (66, 20)]
            l.feet = [(0, 5), (0, -5)]
        case .tilted: l.hands = [(100, 12), (60, 14)]
        }
        return l
    }

    func draw(on canvas: inout Canvas) {
        let l = limbs
        let (hip, shoulder) = (at(l.hip.0, l.hip.1), at(l.shoulder.0, l.shoulder.1))
        let upper = at(l.shoulder.0 - 4, l.shoulder.1)
        canvas.line(upper, at(l.hands[1].0, l.hands[1].1), 3, person.shirt)
        for leg in 0..<2 {
            let end = at(l.feet[leg].0, l.feet[leg].1)
            let knee = l.knees.isEmpty ? end : at(l.knees[leg].0, l.knees[leg].1)
            canvas.line(hip, knee, 5, person.trousers)
            canvas.line(knee, end, 4, person.trousers)
        }
        canvas.line(hip, shoulder, 10, person.shirt)
        canvas.disc(at(l.head.0, l.head.1), 5, .skin)
        canvas.line(at(l.head.0 + 8, l.head.1 - 3), at(l.head.0 + 8, l.head.1 + 2), 2, .hair)
        let hand = at(l.hands[0].0, l.hands[0].1)
        canvas.line(upper, hand, 3, person.shirt)
        canvas.fill(hand.x - 1, hand.y - 1, hand.x + 2, hand.y + 2, .skin)
        guard hasBag else { return }
        canvas.fill(hand.x - 5, hand.y, hand.x + 5, hand.y + 10, person.bag)
    }
}
