/// A picture of numbered inks, drawn by whole numbers alone: the same bytes on every machine.
struct Canvas {
    /// Pixels a row.
    static let width = 160
    /// Rows.
    static let height = 120

    private(set) var pixels: [UInt8]

    /// A picture of one ink.
    init(_ ink: Ink) { pixels = [UInt8](repeating: ink.rawValue, count: Self.width * Self.height) }

    /// Fills what of a rectangle is in the picture; ends are exclusive.
    mutating func fill(_ left: Int, _ top: Int, _ right: Int, _ bottom: Int, _ ink: Ink) {
        let (left, right) = (max(left, 0), min(right, Self.width))
        guard left < right else { return }
        for y in max(top, 0)..<max(min(bottom, Self.height), max(top, 0)) {
            let row = y * Self.width
            for at in row + left..<row + right { pixels[at] = ink.rawValue }
        }
    }

    /// Fills a disc.
    mutating func disc(_ centre: Point, _ radius: Int, _ ink: Ink) {
        guard radius > 0 else { return }
        var half = 0
        for dy in -radius...radius {
            while half * half + dy * dy > radius * radius + radius { half -= 1 }
            while (half + 1) * (half + 1) + dy * dy <= radius * radius + radius { half += 1 }
            fill(centre.x - half, centre.y + dy, centre.x + half + 1, centre.y + dy + 1, ink)
        }
    }

    /// Draws a thick line with square ends, `thickness` pixels wide.
    mutating func line(_ from: Point, _ to: Point, _ thickness: Int, _ ink: Ink) {
        let (dx, dy) = (to.x - from.x, to.y - from.y)
        let steps = max(abs(dx), abs(dy), 1)
        let before = thickness / 2
        for step in 0...steps {
            let x = from.x + (2 * dx * step + steps) / (2 * steps) - before
            let y = from.y + (2 * dy * step + steps) / (2 * steps) - before
            fill(x, y, x + thickness, y + thickness, ink)
        }
    }
}

/// A place in a picture.
struct Point: Equatable, Sendable {
    var x: Int
    var y: Int

    init(_ x: Int, _ y: Int) { (self.x, self.y) = (x, y) }
}

/// What something is painted with; which colour that is, is the scene's and the light's.
enum Ink: UInt8, CaseIterable {
    case sky, farWall, nearWall, window, litWindow, pavement, kerb, road, marking, leaves, wood, post, lamp
    case skin, hair, shirt0, shirt1, shirt2, shirt3, shirt4, shirt5, trousers0, trousers1, trousers2
    case car0, car1, car2, car3, tyre, glass, headlight, tailLight, brakeLight, hazardLight
    case bag0, bag1, bag2, flame0, flame1, flame2, smoke0, smoke1, steam, splinter

    /// The first of a row, and one so many behind it.
    static func of(_ first: Ink, _ number: Int) -> Ink { Ink(rawValue: first.rawValue + UInt8(number)) ?? first }

    /// Whether it shines by itself, in the night as by day.
    var shines: Bool {
        switch self {
        case .litWindow, .headlight, .brakeLight, .hazardLight, .flame0, .flame1, .flame2: true
        default: false
        }
    }
}

/// A colour, each part from 0 to 255.
struct Colour: Equatable, Sendable {
    var red: Int
    var green: Int
    var blue: Int

    init(_ red: Int, _ green: Int, _ blue: Int) { (self.red, self.green, self.blue) = (red, green, blue) }

    /// It by a light of so many 256th, and a flash on top.
    func lit(_ light: Int, flash: Int) -> Colour {
        func part(_ value: Int) -> Int { min(value * light / 256 + flash, 255) }
        return Colour(part(red), part(green), part(blue))
    }

    /// Another one near it.
    func varied(_ most: Int, _ random: inout SceneRandom) -> Colour {
        func part(_ value: Int) -> Int { min(max(value + random.integer(-most...most), 0), 255) }
        return Colour(part(red), part(green), part(blue))
    }
}
