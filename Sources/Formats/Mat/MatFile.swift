public import Platform
import Zlib

/// The features in a MATLAB file of version 5, as `save` and `scipy.io.savemat` write it: packed by zlib or not.
public enum MatFile {
    private static let headBytes = 128
    /// Variables that are looked at.
    private static let mostVariables = 10_000
    private static let name = "features"

    /// A variable's place in the file.
    private struct Place {
        let range: Range<Int>
        let isPacked: Bool
    }

    /// The matrix called `features`, or the only one of floating-point numbers; throws where there is none.
    public static func array(in file: MappedFile, limits: ArrayLimits) throws(ArrayDecodingError) -> DecodedArray {
        try file.withUnsafeBytes { bytes throws(ArrayDecodingError) in try array(bytes, limits: limits) }
    }

    /// The same of bytes that are all there.
    public static func array(
        _ bytes: UnsafeRawBufferPointer, limits: ArrayLimits
    ) throws(ArrayDecodingError) -> DecodedArray {
        let isBig = try readHead(bytes)
        var only: Place?
        var names: [String] = []
        var at = headBytes
        for _ in 0..<mostVariables {
            guard let place = try next(bytes, &at, isBig: isBig) else { break }
            let header = try read(place, of: bytes, isBig: isBig, limits: limits, takesNumbers: false).header
            guard let header, header.elementType != nil, !header.shape.contains(0) else { continue }
            if header.name.hasBytes(of: name) { return try matrix(place, of: bytes, isBig: isBig, limits: limits) }
            guard header.shape.contains(where: { $0 > 1 }) else { continue }
            only = place
            if names.count < 5 { names.append(quoted(header.name)) }
        }
        guard let only, names.count == 1 else {
            throw ArrayDecodingError(
                .missing,
                names.isEmpty
                    ? "the MATLAB file has no matrix of floating-point numbers"
                    : "the MATLAB file has \(names.joined(separator: ", ")) and no 'features': expected one of that name"
            )
        }
        return try matrix(only, of: bytes, isBig: isBig, limits: limits)
    }

    /// Whether numbers are big-endian.
    private static func readHead(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) -> Bool {
        guard bytes.count >= headBytes else {
            throw malformed("it has \(bytes.count) bytes, and its head has \(headBytes)")
        }
        let isLittle = bytes[126] == UInt8(ascii: "I") && bytes[127] == UInt8(ascii: "M")
        let isBig = bytes[126] == UInt8(ascii: "M") && bytes[127] == UInt8(ascii: "I")
        guard isLittle || isBig, bytes[isBig ? 124 : 125] == 1 else {
            throw ArrayDecodingError(
                .unsupported,
                "it is no MATLAB file of version 5: save it by MATLAB's save with '-v7', or by scipy.io.savemat")
        }
        return isBig
    }

    static func malformed(_ reason: String) -> ArrayDecodingError {
        ArrayDecodingError(.malformed, "the MATLAB file is damaged: \(reason)")
    }

    /// The next variable; nil at the end. What is none is passed over.
    private static func next(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, isBig: Bool
    ) throws(ArrayDecodingError) -> Place? {
        while at + 8 <= bytes.count {
            guard let type = word(bytes, at, isBig), let size = word(bytes, at + 4, isBig) else { return nil }
            let start = at + 8
            guard Int(size) <= bytes.count - start else {
                throw ArrayDecodingError(
                    .truncated, "the MATLAB file ends after \(bytes.count - start) of \(size) bytes of a variable")
            }
            let end = start + Int(size)
            at = type == packed ? end : start + (Int(size) + 7) / 8 * 8
            if type == packed || type == matrix { return Place(range: start..<end, isPacked: type == packed) }
        }
        return nil
    }

    private static let matrix: UInt32 = 14, packed: UInt32 = 15

    private static func word(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ isBig: Bool) -> UInt32? {
        bytes.littleEndian(UInt32.self, at: at).map { isBig ? $0.byteSwapped : $0 }
    }

    private static func matrix(
        _ place: Place, of bytes: UnsafeRawBufferPointer, isBig: Bool, limits: ArrayLimits
    ) throws(ArrayDecodingError) -> DecodedArray {
        var reader = try read(place, of: bytes, isBig: isBig, limits: limits, takesNumbers: true)
        guard let array = reader.array() else {
            throw ArrayDecodingError(.truncated, "the MATLAB file ends inside the numbers of its matrix")
        }
        return array
    }

    private static func read(
        _ place: Place, of bytes: UnsafeRawBufferPointer, isBig: Bool, limits: ArrayLimits, takesNumbers: Bool
    ) throws(ArrayDecodingError) -> MatMatrix {
        var reader = MatMatrix(isBig: isBig, limits: limits, takesNumbers: takesNumbers)
        let body = bytes.part(place.range)
        guard place.isPacked else {
            try reader.feed(body)
            return reader
        }
        guard var inflater = Inflater(.zlib) else { throw malformed("zlib has no memory") }
        var input = body
        var tag: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while !reader.isDone {
            let before = input.count
            let (produced, outcome) = chunk.withUnsafeMutableBytes { inflater.step(&input, into: $0) }
            if case .corrupt(let reason) = outcome { throw malformed(reason) }
            try chunk.withRawBytes { raw throws(ArrayDecodingError) in
                let front = min(8 - tag.count, produced)
                tag.append(contentsOf: raw.part(0..<front))
                guard tag.count == 8 else { return }
                let type = tag.withUnsafeBytes { word($0, 0, isBig) }
                guard type == matrix else { throw malformed("what is packed in it is no variable") }
                try reader.feed(raw.part(front..<produced))
            }
            if case .ended = outcome { break }
            if produced == 0, input.count == before { break }
        }
        return reader
    }
}
