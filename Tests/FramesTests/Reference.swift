import Frames

/// The two resizes as the specification writes them, a pixel at a time.
struct Reference {
    let width: Int
    let height: Int
    let bytes: [UInt8]

    init(width: Int, height: Int, bytes: [UInt8]) {
        (self.width, self.height, self.bytes) = (width, height, bytes)
    }

    private subscript(x: Int, y: Int, channel: Int) -> Int { Int(bytes[3 * (y * width + x) + channel]) }

    private func made(_ width: Int, _ height: Int, _ pixel: (Int, Int, Int) -> Int) -> Reference {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(3 * width * height)
        for y in 0..<height { for x in 0..<width { for c in 0..<3 { bytes.append(UInt8(pixel(x, y, c))) } } }
        return Reference(width: width, height: height, bytes: bytes)
    }

    func bicubic(_ width: Int, _ height: Int) -> Reference {
        var image = self
        if width != self.width {
            let taps = (0..<width).map { Self.taps($0, self.width, width) }
            let from = image
            image = made(width, self.height) { x, y, c in
                var sum = 1 << 21
                var at = taps[x].first
                for weight in taps[x].weights {
                    sum += weight * from[at, y, c]
                    at += 1
                }
                return min(max(sum >> 22, 0), 255)
            }
        }
        if height != self.height {
            let taps = (0..<height).map { Self.taps($0, self.height, height) }
            let from = image
            image = made(width, height) { x, y, c in
                var sum = 1 << 21
                var at = taps[y].first
                for weight in taps[y].weights {
                    sum += weight * from[x, at, c]
                    at += 1
                }
                return min(max(sum >> 22, 0), 255)
            }
        }
        return image
    }

    private static func taps(_ output: Int, _ from: Int, _ to: Int) -> (first: Int, weights: [Int]) {
        let scale = Double(from) / Double(to)
        let stretch = max(scale, 1)
        let centre = (Double(output) + 0.5) * scale
        let first = max(0, Int(centre - 2 * stretch + 0.5))
        let end = min(from, Int(centre + 2 * stretch + 0.5))
        let shares = (first..<end).map { j -> Double in
            let t = abs((Double(j) - centre + 0.5) * (1 / stretch))
            if t < 1 { return (1.5 * t - 2.5) * t * t + 1 }
            return t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0
        }
        let sum = shares.reduce(0, +)
        return (first, shares.map { Int(($0 / sum * 4_194_304).rounded(.toNearestOrAwayFromZero)) })
    }

    func bilinear(_ width: Int, _ height: Int) -> Reference {
        func axis(_ index: Int, _ from: Int, _ to: Int, clamped: Bool) -> (Int, Int, Int, Int) {
            var at = Float((Double(index) + 0.5) * (Double(from) / Double(to)) - 0.5)
            if clamped { at = min(max(at, 0), Float(from - 1)) }
            let low = at.rounded(.down)
            let inside = { (index: Int) in min(max(index, 0), from - 1) }
            return (
                inside(Int(low)), inside(Int(low) + 1), Int(((1 - (at - low)) * 2048).rounded(.toNearestOrEven)),
                Int(((at - low) * 2048).rounded(.toNearestOrEven))
            )
        }
        let columns = (0..<width).map { axis($0, self.width, width, clamped: true) }
        let rows = (0..<height).map { axis($0, self.height, height, clamped: false) }
        return made(width, height) { x, y, c in
            let (a, b, u, v) = columns[x]
            let (top, bottom, p, q) = rows[y]
            let upper = (self[a, top, c] * u + self[b, top, c] * v) >> 4
            let lower = (self[a, bottom, c] * u + self[b, bottom, c] * v) >> 4
            return (((upper * p) >> 16) + ((lower * q) >> 16) + 2) >> 2
        }
    }

    /// CLIP's own square.
    func square(_ side: Int) -> Reference {
        let short = min(width, height)
        let (w, h) = (side * width / short, side * height / short)
        func half(_ rest: Int) -> Int { rest % 2 == 0 ? rest / 2 : rest / 2 + rest / 2 % 2 }
        return bicubic(w, h).cut(half(w - side), half(h - side), side)
    }

    func cut(_ left: Int, _ top: Int, _ side: Int) -> Reference {
        made(side, side) { x, y, c in self[left + x, top + y, c] }
    }

    var mirrored: Reference { made(width, height) { x, y, c in self[width - 1 - x, y, c] } }

    /// One of the ten crops of 340x256, as a recipe counts them.
    func crop(_ kind: Recipe.Kind, _ number: Int) -> Reference {
        let image = kind == .clip ? bicubic(340, 256) : bilinear(340, 256)
        let corners = [(0, 0), (116, 0), (0, 32), (116, 32)]
        switch kind {
        case .clip:
            let (left, top) = (corners + [(58, 16)])[number % 5]
            return (number < 5 ? image : image.mirrored).cut(left, top, 224)
        case .vadclip:
            let (left, top) = ([(58, 16)] + corners)[number % 5]
            let cut = image.cut(left, top, 224)
            return number < 5 ? cut : cut.mirrored
        }
    }
}
