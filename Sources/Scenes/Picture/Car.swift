/// A car, and what it does when.
struct Car {
    /// A time of doing one thing, on a straight way.
    struct Act {
        let frames: Range<Int>
        let from: Int
        let to: Int
        var brakes = false
        /// How far it stands askew, in 16th.
        var slope = 0
        var blinks = false

        func x(at frame: Int) -> Int { from + (to - from) * (frame - frames.lowerBound) / max(frames.count, 1) }
    }

    /// Half its length.
    static let half = 28

    let ink: Ink
    /// Where the wheels are.
    let ground: Int
    /// -1 to the left, 1 to the right.
    let facing: Int
    var acts: [Act] = []

    init(facing: Int, ground: Int, _ random: inout SceneRandom) {
        ink = .of(.car0, random.integer(0...3))
        (self.facing, self.ground) = (facing, ground)
    }

    /// What it does at a frame; nil where it is not there.
    func act(at frame: Int) -> Act? { acts.first { $0.frames.contains(frame) } }

    func draw(at frame: Int, on canvas: inout Canvas) {
        guard let act = act(at: frame) else { return }
        let x = act.x(at: frame)
        guard (-Car.half - 8..<Canvas.width + Car.half + 8).contains(x) else { return }
        /// From behind to ahead of the middle, and above the ground; in slices, where it stands askew.
        func box(_ behind: Int, _ ahead: Int, _ low: Int, _ high: Int, _ ink: Ink) {
            for part in stride(from: behind, to: ahead, by: act.slope == 0 ? 100 : 4) {
                let end = min(part + (act.slope == 0 ? 100 : 4), ahead)
                let lift = part * act.slope / 16
                let (left, right) = facing > 0 ? (x + part, x + end) : (x - end, x - part)
                canvas.fill(left, ground - high - lift, right, ground - low - lift, ink)
            }
        }
        box(-Car.half, Car.half, 4, 15, ink)
        box(-18, 12, 15, 24, ink)
        box(-15, -4, 16, 22, .glass)
        box(-2, 9, 16, 22, .glass)
        box(Car.half - 3, Car.half, 9, 13, .headlight)
        box(-Car.half, -Car.half + 4, 8, 14, act.brakes ? .brakeLight : .tailLight)
        for wheel in [-17, 17] {
            canvas.disc(Point(x + wheel * facing, ground - 5 - wheel * act.slope / 16), 5, .tyre)
        }
        guard act.blinks, frame / 10 % 2 == 0 else { return }
        box(-Car.half, -Car.half + 5, 9, 13, .hazardLight)
        box(Car.half - 5, Car.half, 9, 13, .hazardLight)
    }
}
