/// What an .npy file says of its array, whatever its type: enough to tell a matrix from what stands beside it.
public struct NPYOutline: Equatable, Sendable {
    /// Lengths along each axis.
    public let shape: [Int]

    /// Reads the header at the front of a file; nil where it is not all there, or no header.
    public init?(front: [UInt8]) {
        guard front.count >= 12, front.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) else { return nil }
        let begin = front[6] == 1 ? 10 : 12
        let length = front[8..<begin].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= front.count - begin else { return nil }
        var literal = NPYLiteralParser(Array(front[begin..<begin + length]))
        guard let entries = try? literal.dictionary(),
            case .tuple(let items)? = entries.first(where: { $0.key == "shape" })?.value
        else { return nil }
        var shape: [Int] = []
        for item in items {
            guard case .integer(let digits) = item, let length = Int(digits), length >= 0 else { return nil }
            shape.append(length)
        }
        self.shape = shape
    }
}
