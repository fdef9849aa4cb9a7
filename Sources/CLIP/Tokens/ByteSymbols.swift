/// The printable characters that stand for bytes in CLIP's vocabulary file, and the bytes' order among the tokens.
enum ByteSymbols {
    /// The bytes that are printable in Latin-1 first, then the others.
    static let order: [UInt8] = {
        let printable = (0...255).filter {
            (33...126).contains($0) || (161...172).contains($0) || (174...255).contains($0)
        }
        let others = (0...255).filter { !printable.contains($0) }
        return (printable + others).map { UInt8($0) }
    }()

    /// By byte: itself where it is printable, else the next character from U+0100 on.
    static let characters: [Character] = {
        var characters = [Character](repeating: " ", count: 256)
        var spare: UInt32 = 256
        for (rank, byte) in order.enumerated() {
            let printable = rank < 188
            let scalar = printable ? Unicode.Scalar(byte) : Unicode.Scalar(spare) ?? Unicode.Scalar(byte)
            if !printable { spare += 1 }
            characters[Int(byte)] = Character(scalar)
        }
        return characters
    }()
}
