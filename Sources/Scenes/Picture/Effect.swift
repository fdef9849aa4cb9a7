/// What burns, smokes or flashes.
struct Effect {
    enum Kind {
        /// A flash, a ball of fire, and dark smoke.
        case explosion
        /// Pale clouds, as of a broken radiator or of a drain.
        case steam
        /// What flies off where cars meet.
        case splinters
        /// Lightning.
        case lightning
        /// The lamp goes out and on again.
        case lampFlicker
    }

    let kind: Kind
    let frames: Range<Int>
    let place: Point
    /// Of its noise.
    let seed: Int

    /// What it adds to all colours at a frame.
    func flash(at frame: Int) -> Int {
        guard frames.contains(frame) else { return 0 }
        let age = frame - frames.lowerBound
        switch kind {
        case .explosion: return max(150 - 16 * age, 0)
        case .lightning: return age % 9 < 3 ? 110 : 0
        default: return 0
        }
    }

    /// Whether the lamp is dark at a frame.
    func isLampOut(at frame: Int) -> Bool {
        kind == .lampFlicker && frames.contains(frame) && Wave.noise(frame / 4, seed, below: 2) == 0
    }

    func draw(at frame: Int, on canvas: inout Canvas) {
        guard frames.contains(frame) else { return }
        let age = frame - frames.lowerBound
        switch kind {
        case .explosion: drawExplosion(age, on: &canvas)
        case .steam: drawSteam(age, on: &canvas)
        case .splinters:
            for one in 0..<14 {
                let (dx, dy) = (Wave.noise(seed, one, below: 41) - 20, Wave.noise(one, seed, below: 14) + 4)
                let time = min(age, 20)
                let y = min(place.y - dy * time / 8 + time * time / 8, place.y + 8)
                let x = place.x + dx * time / 12
                canvas.fill(x, y, x + 2, y + 2, .splinter)
            }
        case .lightning, .lampFlicker: break
        }
    }

    private func drawSteam(_ age: Int, on canvas: inout Canvas) {
        for puff in 0..<5 {
            let time = (age + puff * 12) % 60
            guard age + puff * 12 >= 60 || time <= age else { continue }
            let x = place.x + Wave.noise(seed, puff, below: 9) - 4 + time / 10
            canvas.disc(Point(x, place.y - time / 2), 2 + time / 12, .steam)
        }
    }

    private func drawExplosion(_ age: Int, on canvas: inout Canvas) {
        let left = frames.count - age
        if age > 16 {
            for puff in 0..<9 {
                let time = (age + puff * 10) % 90
                guard time <= age - 16 else { continue }
                let x = place.x + Wave.noise(seed, puff, below: 25) - 12 + time / 8
                canvas.disc(Point(x, place.y - 6 - time * 5 / 8), 5 + time / 10, puff % 2 == 0 ? .smoke0 : .smoke1)
            }
        }
        let size = age < 40 ? min(6 + 2 * age, 22) : max(min(8, left / 6), 2)
        for tongue in 0..<8 {
            let (a, b) = (
                Wave.noise(seed + tongue, age / 3, below: 2 * size), Wave.noise(age / 3, tongue, below: 3 * size / 2)
            )
            let ink = Ink.of(.flame0, Wave.noise(age / 3 + tongue, seed, below: 3))
            canvas.disc(Point(place.x - size + a, place.y - b), max(size / 3, 2), ink)
        }
    }
}
