/// A street and its light: what all pictures of one shot have behind what happens.
struct Street {
    /// Where walkers' feet may be.
    static let pavement = 82...93
    /// Where cars' wheels may be.
    static let road = 100...112

    /// The street without anybody.
    let canvas: Canvas
    /// Colours by ink, in full daylight.
    private let colours: [Colour]
    /// Daylight, in 256th.
    private let light: Int
    /// How fast and how much it changes: clouds.
    private let cloud: (period: Int, depth: Int, phase: Int)
    private let isLampLit: Bool

    /// Draws a street.
    init(_ random: inout SceneRandom) {
        let isNight = random.happens(25)
        isLampLit = isNight || random.happens(20)
        light = isNight ? random.integer(110...150) : random.integer(190...262)
        cloud = (random.integer(240...700), random.integer(0...26), random.integer(0...699))
        colours = Self.colours(isNight: isNight, &random)
        canvas = Self.drawn(isNight: isNight, &random)
    }

    /// Colours by ink at a frame.
    ///
    /// - Parameters:
    ///   - flash: what a flash adds to all
    ///   - isLampOut: whether the lamp is dark for now
    func palette(at frame: Int, flash: Int, isLampOut: Bool) -> [Colour] {
        let wave = Wave.triangle((frame + cloud.phase) * 64 / cloud.period)
        let lamp = isLampLit && !isLampOut ? 0 : isLampLit ? -14 : 0
        let light = light + cloud.depth * wave / 16 + lamp
        return Ink.allCases.map { ink in
            if ink == .lamp {
                let colour = isLampLit && !isLampOut ? Colour(255, 240, 180) : Colour(90, 90, 84)
                return colour.lit(isLampLit && !isLampOut ? 256 : light, flash: flash)
            }
            return colours[Int(ink.rawValue)].lit(ink.shines ? 256 : light, flash: flash)
        }
    }

    private static func colours(isNight: Bool, _ random: inout SceneRandom) -> [Colour] {
        let walls = [
            Colour(150, 110, 90), Colour(170, 160, 140), Colour(120, 126, 134), Colour(186, 170, 120),
            Colour(140, 90, 80),
        ]
        let shirts = [
            Colour(200, 50, 50), Colour(50, 90, 190), Colour(60, 150, 70), Colour(230, 230, 225), Colour(60, 60, 70),
            Colour(150, 80, 160), Colour(200, 140, 60), Colour(90, 170, 180),
        ]
        let cars = [
            Colour(190, 40, 40), Colour(40, 70, 160), Colour(220, 220, 220), Colour(50, 52, 56), Colour(60, 130, 90),
            Colour(200, 170, 60),
        ]
        let skins = [Colour(232, 190, 160), Colour(190, 140, 105), Colour(120, 80, 56)]
        func one(_ list: [Colour], _ most: Int) -> Colour {
            list[random.integer(0...list.count - 1)].varied(most, &random)
        }
        return Ink.allCases.map { ink in
            switch ink {
            case .sky:
                isNight
                    ? Colour(60, 66, 110).varied(10, &random) : one([Colour(140, 180, 225), Colour(190, 196, 205)], 14)
            case .farWall, .nearWall: one(walls, 20)
            case .window: Colour(80, 96, 116).varied(16, &random)
            case .litWindow: Colour(240, 210, 130).varied(10, &random)
            case .pavement: Colour(164, 160, 154).varied(16, &random)
            case .kerb: Colour(190, 188, 182)
            case .road: Colour(88, 88, 92).varied(12, &random)
            case .marking: Colour(214, 212, 200)
            case .leaves: Colour(64, 120, 60).varied(22, &random)
            case .wood: Colour(104, 74, 50).varied(12, &random)
            case .post, .lamp: Colour(70, 74, 76)
            case .skin: one(skins, 8)
            case .hair: one([Colour(40, 32, 28), Colour(110, 76, 44), Colour(170, 140, 90)], 8)
            case .shirt0, .shirt1, .shirt2, .shirt3, .shirt4, .shirt5: one(shirts, 18)
            case .trousers0: Colour(44, 50, 76).varied(12, &random)
            case .trousers1: Colour(92, 82, 66).varied(12, &random)
            case .trousers2: Colour(38, 38, 40).varied(8, &random)
            case .car0, .car1, .car2, .car3: one(cars, 18)
            case .tyre: Colour(26, 26, 28)
            case .glass: Colour(110, 140, 160).varied(12, &random)
            case .headlight: Colour(255, 250, 210)
            case .tailLight: Colour(130, 24, 24)
            case .brakeLight: Colour(255, 40, 30)
            case .hazardLight: Colour(255, 160, 20)
            case .bag0: Colour(244, 206, 40)
            case .bag1: Colour(236, 60, 150)
            case .bag2: Colour(60, 220, 210)
            case .flame0: Colour(255, 246, 190)
            case .flame1: Colour(255, 170, 40)
            case .flame2: Colour(236, 84, 20)
            case .smoke0: Colour(46, 44, 44).varied(8, &random)
            case .smoke1: Colour(78, 74, 72).varied(8, &random)
            case .steam: Colour(226, 228, 230)
            case .splinter: Colour(246, 246, 236)
            }
        }
    }

    private static func drawn(isNight: Bool, _ random: inout SceneRandom) -> Canvas {
        var canvas = Canvas(.sky)
        canvas.fill(0, 62, Canvas.width, 92, .pavement)
        canvas.fill(0, 90, Canvas.width, 92, .kerb)
        canvas.fill(0, 92, Canvas.width, Canvas.height, .road)
        var left = -random.integer(0...30)
        while left < Canvas.width {
            let width = random.integer(26...60)
            let top = random.integer(6...34)
            canvas.fill(left, top, left + width, 62, random.isHeads() ? .farWall : .nearWall)
            let (across, down) = (random.integer(10...15), random.integer(11...15))
            for y in stride(from: top + 5, to: 52, by: down) {
                for x in stride(from: left + 4, to: left + width - 7, by: across) {
                    canvas.fill(x, y, x + 5, y + 6, random.happens(isNight ? 45 : 6) ? .litWindow : .window)
                }
            }
            left += width + (random.happens(25) ? random.integer(4...20) : 0)
        }
        for x in stride(from: random.integer(-20...0), to: Canvas.width, by: 28) {
            canvas.fill(x, 106, x + 14, 108, .marking)
        }
        if random.happens(60) { tree(&canvas, at: random.integer(4...156), &random) }
        if random.happens(40) { tree(&canvas, at: random.integer(4...156), &random) }
        let post = random.integer(8...152)
        canvas.fill(post, 26, post + 2, 72, .post)
        canvas.fill(post - 4, 24, post + 6, 29, .lamp)
        return canvas
    }

    private static func tree(_ canvas: inout Canvas, at x: Int, _ random: inout SceneRandom) {
        canvas.fill(x - 1, 44, x + 2, 70, .wood)
        for _ in 0..<4 {
            canvas.disc(Point(x + random.integer(-6...6), 38 + random.integer(-8...6)), random.integer(5...9), .leaves)
        }
    }
}

/// Waves made of straight lines: the C library's sines differ between systems.
enum Wave {
    /// From -16 to 16 and back, once in 64.
    static func triangle(_ place: Int) -> Int {
        let part = ((place % 64) + 64) % 64
        return part < 32 ? part - 16 : 48 - part
    }

    /// Noise of a number, from 0 to before `bound`.
    static func noise(_ a: Int, _ b: Int, below bound: Int) -> Int {
        var z =
            UInt64(bitPattern: Int64(a)) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(bitPattern: Int64(b))
            &* 0xD6E8_FEB8_6659_FD93
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)).multipliedFullWidth(by: UInt64(bound)).high)
    }
}
