import Platform

/// What the header of an .npy file says: the type of the elements, their order, the shape.
struct NPYHeader: Equatable {
    var elementType: ElementType
    var byteOrder: ByteOrder
    var isFortranOrder: Bool
    var shape: [Int]
    /// The product of the shape, checked against the limit.
    var elementCount: Int

    /// Reads the header's dictionary, `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 512), }`.
    static func parse(_ text: [UInt8], limits: ArrayLimits) throws(ArrayDecodingError) -> NPYHeader {
        var literal = NPYLiteralParser(text)
        let entries = try literal.dictionary()
        var found: [ByteText: NPYLiteral] = [:]
        for (key, value) in entries {
            guard ["descr", "fortran_order", "shape"].contains(key) else {
                throw malformed("has the unknown key \(quoted(key))")
            }
            guard found.updateValue(value, forKey: ByteText(key)) == nil else {
                throw malformed("has the key \(quoted(key)) twice")
            }
        }
        guard let descr = found["descr"] else { throw malformed("lacks the key 'descr'") }
        guard let order = found["fortran_order"] else { throw malformed("lacks the key 'fortran_order'") }
        guard let shape = found["shape"] else { throw malformed("lacks the key 'shape'") }
        guard case .bool(let isFortranOrder) = order else {
            throw malformed("has a 'fortran_order' that is neither True nor False")
        }
        let lengths = try self.shape(shape, limits: limits)
        let (elementType, byteOrder) = try type(descr, of: lengths)
        guard let count = lengths.checkedProduct(), count <= limits.maxElements else {
            throw ArrayDecodingError(
                .tooLarge, "the shape \(lengths) has more elements than the limit of \(limits.maxElements)")
        }
        return NPYHeader(
            elementType: elementType, byteOrder: byteOrder, isFortranOrder: isFortranOrder, shape: lengths,
            elementCount: count)
    }

    private static func type(_ descr: NPYLiteral, of shape: [Int]) throws(ArrayDecodingError) -> (
        ElementType, ByteOrder
    ) {
        switch descr {
        case .string(let name):
            let isBig = name.first == ">"
            let code = "<>=|".contains(name.first ?? " ") ? String(name.dropFirst()) : name
            let types: [ByteText: ElementType] = ["f2": .float16, "f4": .float32, "f8": .float64]
            if let type = types[ByteText(code)] { return (type, isBig ? .big : .little) }
            // Bytes of [N, H, W, 3] are frames, and as floats they would be no features.
            let isFrames = shape.count == 4 && code.hasBytes(of: "u1")
            let advice = isFrames ? ": these are frames, of which vigil extract makes features" : advice(on: code)
            throw ArrayDecodingError(
                .unsupported, "the dtype \(quoted(name))\(meaning(of: code)) is not taken\(advice ?? taken)")
        case .list:
            throw ArrayDecodingError(
                .unsupported, "a structured dtype is not taken\(taken): write the field of the features alone")
        default:
            throw malformed("has a 'descr' that is no string")
        }
    }

    private static let taken = "; taken are float16, float32 and float64 ('f2', 'f4', 'f8' in either byte order)"

    /// How features of another type are made fit; nil where no conversion is known to keep them.
    private static func advice(on code: String) -> String? {
        switch code.first {
        case "O":
            ": the file holds pickled Python objects, which are never run; make one array of floats of them, as by "
                + "numpy.stack(list).astype('float32')"
        case "i", "u", "b", "f", "S", "U": "\(taken): convert the array by .astype('float32')"
        default: nil
        }
    }

    private static func meaning(of code: String) -> String {
        let kinds: [Character: String] = [
            "i": "integers", "u": "unsigned integers", "b": "booleans", "O": "Python objects", "c": "complex numbers",
            "S": "bytes", "U": "text", "V": "raw bytes", "M": "dates", "m": "time spans", "f": "floats of another size",
        ]
        return code.first.flatMap { kinds[$0] }.map { " (\($0))" } ?? ""
    }

    private static func shape(_ literal: NPYLiteral, limits: ArrayLimits) throws(ArrayDecodingError) -> [Int] {
        guard case .tuple(let items) = literal else {
            throw malformed("has a 'shape' that is no tuple; one axis is written (3,)")
        }
        guard items.count <= ArrayLimits.maxRank else {
            throw malformed("has a shape of \(items.count) axes; at most \(ArrayLimits.maxRank) are taken")
        }
        var lengths: [Int] = []
        for item in items {
            guard case .integer(let digits) = item else { throw malformed("has a shape that is not all integers") }
            guard !digits.begins(with: "-") else {
                throw malformed("has the negative length \(quoted(digits)) in its shape")
            }
            guard let length = Int(digits), length <= limits.maxElements else {
                throw ArrayDecodingError(
                    .tooLarge,
                    "the shape has the length \(quoted(digits, limit: 24)), over the limit of \(limits.maxElements)")
            }
            lengths.append(length)
        }
        return lengths
    }

    static func malformed(_ what: String) -> ArrayDecodingError {
        ArrayDecodingError(.malformed, "the .npy header \(what)")
    }
}

/// What an .npy file says of its array, whatever its type: enough to tell a matrix from what stands beside it.
public struct NPYOutline: Equatable, Sendable {
    /// Lengths along each axis.
    public let shape: [Int]
    /// The type of the elements as numpy writes it, such as `|u1`; nil where it is a structured one.
    public let type: String?
    /// Whether the first index runs fastest.
    public let isFortranOrder: Bool
    /// Bytes before those of the elements.
    public let headerBytes: Int

    /// The first bytes that tell ``headerBytes(front:)``.
    public static let preludeBytes = 12

    /// How many bytes come before those of the elements, as the first ``preludeBytes`` say; nil where it is no .npy file.
    public static func headerBytes(front: [UInt8]) -> Int? {
        guard front.count >= preludeBytes, front.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) else { return nil }
        let begin = front[6] == 1 ? 10 : 12
        return begin + front[8..<begin].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// Reads the header at the front of a file; nil where it is not all there, or no header.
    public init?(front: [UInt8]) {
        guard let end = Self.headerBytes(front: front), end <= front.count else { return nil }
        var literal = NPYLiteralParser(Array(front[(front[6] == 1 ? 10 : 12)..<end]))
        guard let entries = try? literal.dictionary(),
            // Each once: of a key that is there twice another reader may believe the other.
            entries.count == 3, Set(entries.map { ByteText($0.key) }).count == 3,
            case .tuple(let items)? = entries.first(where: { $0.key == "shape" })?.value,
            case .bool(let isFortranOrder)? = entries.first(where: { $0.key == "fortran_order" })?.value
        else { return nil }
        var shape: [Int] = []
        for item in items {
            guard case .integer(let digits) = item, let length = Int(digits), length >= 0 else { return nil }
            shape.append(length)
        }
        self.shape = shape
        if case .string(let text)? = entries.first(where: { $0.key == "descr" })?.value {
            type = text
        } else {
            type = nil
        }
        self.isFortranOrder = isFortranOrder
        headerBytes = end
    }
}
