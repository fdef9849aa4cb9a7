import JSON
import Platform

/// One tensor of a safetensors file.
public struct SafetensorsTensor: Equatable, Sendable {
    /// Its name.
    public var name: String
    /// The type of its elements.
    public var elementType: ElementType
    /// Lengths along each axis; none for a single number.
    public var shape: [Int]
    /// Where its bytes are, counted from the first byte of the file.
    public var byteRange: Range<Int>
    /// The product of the shape.
    public var elementCount: Int { byteRange.count / elementType.byteSize }
}

/// The header of a safetensors file, completely checked: a length, then JSON, then the tensors' bytes without holes.
struct SafetensorsHeader {
    var metadata: [ByteText: String] = [:]
    /// In the order of their bytes.
    var tensors: [SafetensorsTensor] = []
    /// Tensors of types that the format has and that are not read here, with the type.
    var unread: [(name: String, type: String, byteRange: Range<Int>)] = []
    /// Bytes of the whole file: the length, the header, the data.
    var fileLength: Int

    /// Bytes of the number in front of the header.
    static let lengthBytes = 8

    /// The header's length from the first eight bytes, checked against `limit`.
    static func length(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(SafetensorsError) -> Int {
        guard let length = bytes.littleEndian(UInt64.self, at: 0) else {
            throw .malformed("it ends after \(bytes.count) bytes, inside the header's length")
        }
        guard length <= UInt64(limit) else {
            throw .malformed("the header claims \(length) bytes, and the limit is \(limit)")
        }
        guard length >= 2 else { throw .malformed("the header claims \(length) bytes, too few for JSON") }
        return Int(length)
    }

    /// Reads and checks the JSON of the header.
    static func parse(_ json: UnsafeRawBufferPointer) throws(SafetensorsError) -> SafetensorsHeader {
        guard json.first == UInt8(ascii: "{") else { throw .malformed("the header does not begin with '{'") }
        let value: JSONValue
        do throws(JSONError) { value = try JSONReader.parse(json) } catch {
            throw .malformed("the header is \(error)")
        }
        guard case .object(let members) = value else { throw .malformed("the header is no object") }
        let base = lengthBytes + json.count
        var header = SafetensorsHeader(fileLength: base)
        for member in members {
            if member.name == "__metadata__" {
                header.metadata = try metadata(member.value)
            } else {
                try header.add(member, base: base)
            }
        }
        try header.checkLayout(base: base)
        return header
    }

    private static func metadata(_ value: JSONValue) throws(SafetensorsError) -> [ByteText: String] {
        guard case .object(let members) = value else { throw .malformed("'__metadata__' is no object") }
        var metadata: [ByteText: String] = [:]
        for member in members {
            guard let text = member.value.string else {
                throw .malformed("the metadata \(quoted(member.name)) is no string")
            }
            metadata[member.name] = text
        }
        return metadata
    }

    /// Types that the format has beside those of `ElementType`.
    private static let otherTypes: Set<String> = [
        "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4", "C64",
    ]

    private mutating func add(_ member: JSONValue.Member, base: Int) throws(SafetensorsError) {
        let name = quoted(member.name)
        guard case .object(let fields) = member.value, fields.count == 3,
            let typeName = member.value["dtype"]?.string, let shapeValues = member.value["shape"]?.array,
            let offsets = member.value["data_offsets"]?.array
        else { throw .malformed("the tensor \(name) does not have exactly dtype, shape and data_offsets") }
        let type = ElementType(safetensorsName: typeName)
        guard type != nil || SafetensorsHeader.otherTypes.contains(typeName) else {
            throw .malformed("the tensor \(name) has the dtype \(quoted(typeName)), which is not known here")
        }
        guard shapeValues.count <= 64 else { throw .malformed("the tensor \(name) has more than 64 axes") }
        var shape: [Int] = []
        for value in shapeValues {
            guard let length = value.integer, length >= 0 else {
                throw .malformed("the tensor \(name) has a shape that is not all non-negative integers")
            }
            shape.append(length)
        }
        guard offsets.count == 2, let begin = offsets[0].integer, let end = offsets[1].integer, begin >= 0, begin <= end
        else { throw .malformed("the tensor \(name) has data_offsets that are no range") }
        guard !end.addingReportingOverflow(base).overflow else {
            throw .malformed("the tensor \(name) ends at \(end), beyond any file")
        }
        guard let type else {
            unread.append((member.name, typeName, base + begin..<base + end))
            return
        }
        guard let size = (shape + [type.byteSize]).checkedProduct(), size == end - begin else {
            throw .malformed("the tensor \(name) is \(shape) of \(type) and has \(end - begin) bytes")
        }
        tensors.append(
            SafetensorsTensor(
                name: member.name, elementType: type, shape: shape, byteRange: base + begin..<base + end))
    }

    /// Tensors must follow one another without holes and without overlaps.
    private mutating func checkLayout(base: Int) throws(SafetensorsError) {
        tensors.sort {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
        }
        var ranges = tensors.map { (name: $0.name, byteRange: $0.byteRange) }
        if !unread.isEmpty {
            ranges += unread.map { (name: $0.name, byteRange: $0.byteRange) }
            ranges.sort {
                ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
            }
        }
        var end = base
        for tensor in ranges {
            let start = tensor.byteRange.lowerBound
            guard start == end else {
                let fault =
                    start < end ? "overlaps the one before it" : "leaves a hole of \(start - end) bytes before it"
                throw .malformed("the tensor \(quoted(tensor.name)) \(fault)")
            }
            end = tensor.byteRange.upperBound
        }
        fileLength = end
    }
}

/// Why a safetensors file could not be read or written.
public enum SafetensorsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The header breaks the format's rules, or does not fit the data.
    case malformed(String)
    /// There is no tensor of that name.
    case missing(name: String)
    /// The tensor has another shape than the one asked for.
    case shape(name: String, expected: [Int], found: [Int])
    /// What was to be written does not fit together.
    case unwritable(String)

    /// One sentence.
    public var description: String {
        switch self {
        case .malformed(let reason): "not a valid safetensors file: \(reason)"
        case .missing(let name): "the safetensors file has no tensor \(quoted(name))"
        case .shape(let name, let expected, let found):
            "the tensor \(quoted(name)) has the shape \(found), and \(expected) was expected"
        case .unwritable(let reason): "cannot write safetensors: \(reason)"
        }
    }
}
