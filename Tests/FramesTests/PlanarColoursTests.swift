import Platform
import TestSupport
import Testing

@testable import Frames

@Suite("Planes of brightness and chroma become R G B")
struct PlanarColoursTests {
    /// Weights of one axis, [2 n, n]: the middle's, which are the same for all, and those of the first three outputs.
    private func weights(_ count: Int, one: Int) -> [[Int]] {
        let (even, odd) =
            one == 1 << 14
            ? ([-461, 3_943, 14_284, -1_382], [-1_382, 14_284, 3_943, -461])
            : ([-115, 985, 3_572, -346], [-346, 3_572, 985, -115])
        return (0..<2 * count).map { output in
            var row = [Int](repeating: 0, count: count)
            for (tap, weight) in (output.isMultiple(of: 2) ? even : odd).enumerated() {
                row[min(max(output / 2 + tap - (output.isMultiple(of: 2) ? 2 : 1), 0), count - 1)] += weight
            }
            return row
        }
    }

    /// Pixels at which no weight is of a border that is treated differently.
    private func reference(_ planes: [UInt8], _ size: FrameSize, x: Int, y: Int) -> [UInt8] {
        let (width, height) = (size.width / 2, size.height / 2)
        func chroma(_ start: Int) -> Int32 {
            let across = weights(width, one: 1 << 14)[x]
            let down = weights(height, one: 1 << 12)[y]
            var sum = 512 - (128 << 19)
            for row in 0..<height where down[row] != 0 {
                let line = (0..<width).reduce(0) { $0 + across[$1] * Int(planes[start + row * width + $1]) } >> 7
                sum += down[row] * min(line, 32_767)
            }
            return Int32(sum >> 10)
        }
        let (u, v) = (chroma(4 * width * height), chroma(5 * width * height))
        let luma = (Int32(planes[y * size.width + x]) << 9 - (16 << 9)) &* 9_539 &+ (1 << 21)
        func byte(_ sum: Int32) -> UInt8 { UInt8(min(max(sum, 0), (1 << 30) - 1) >> 22) }
        return [
            byte(luma &+ v &* 13_075), byte(luma &- v &* 6_660 &- u &* 3_209), byte(luma &+ u &* 16_525),
        ]
    }

    @Test("in the middle of a frame as a plain reference does it, by all rows at once and by some")
    func middle() throws {
        let size = try #require(FrameSize(width: 70, height: 34))
        let colours = try #require(PlanarColours(size, .init(isFull: false, matrix: .bt601)))
        var random = SeededRandom(seed: 7)
        let planes = (0..<colours.byteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var bytes = [UInt8](repeating: 0, count: size.byteCount)
        planes.withUnsafeBytes { from in
            bytes.withUnsafeMutableBytes { colours.convert(from, rows: 0..<34, to: $0) }
        }
        for y in 4..<30 {
            for x in 4..<66 {
                let at = 3 * (y * size.width + x)
                #expect(Array(bytes[at..<at + 3]) == reference(planes, size, x: x, y: y), "\(x), \(y)")
            }
        }
        var part = [UInt8](repeating: 0, count: 3 * size.width * 5)
        planes.withUnsafeBytes { from in
            part.withUnsafeMutableBytes { colours.convert(from, rows: 13..<18, to: $0) }
        }
        #expect(part == Array(bytes[3 * size.width * 13..<3 * size.width * 18]))
    }

    @Test("grey stays grey up to every border, black is black and white white", arguments: [false, true])
    func grey(isFull: Bool) throws {
        let size = try #require(FrameSize(width: 16, height: 18))
        let colours = try #require(PlanarColours(size, .init(isFull: isFull, matrix: .bt709)))
        for (luma, grey) in [(isFull ? 0 : 16, 0), (isFull ? 255 : 235, 255)] {
            let planes =
                [UInt8](repeating: UInt8(luma), count: 16 * 18) + [UInt8](repeating: 128, count: 16 * 18 / 2)
            var bytes = [UInt8](repeating: 7, count: size.byteCount)
            planes.withUnsafeBytes { from in
                bytes.withUnsafeMutableBytes { colours.convert(from, rows: 0..<18, to: $0) }
            }
            #expect(Set(bytes) == [UInt8(grey)])
        }
    }

    @Test("sides that are odd or too short are not taken", arguments: [(17, 16), (16, 17), (14, 16), (16, 14)])
    func refused(width: Int, height: Int) throws {
        let size = try #require(FrameSize(width: width, height: height))
        #expect(PlanarColours(size, .init(isFull: false, matrix: .bt601)) == nil)
    }
}
