import Platform

/// Writes safetensors files, tensor by tensor, so that only one need be in memory.
public struct SafetensorsWriter {
    /// A tensor to be written: what the header says of it, and where its bytes come from.
    public struct Tensor {
        /// Takes bytes as often as it is called.
        public typealias Sink = (UnsafeRawBufferPointer) throws -> Void

        let name: String
        let elementType: ElementType
        let shape: [Int]
        let provider: (Sink) throws -> Void

        /// - Parameters:
        ///   - name: the tensor
        ///   - elementType: of what is written
        ///   - shape: of the tensor
        ///   - provider: gives the sink exactly the bytes that type and shape need, little-endian, row-major
        public init(
            name: String, elementType: ElementType, shape: [Int], provider: @escaping (Sink) throws -> Void
        ) {
            self.name = name
            self.elementType = elementType
            self.shape = shape
            self.provider = provider
        }

        /// Passes the bytes to `sink`.
        public func write(to sink: Sink) throws { try provider(sink) }

        /// A float32 tensor of values that are computed when it is their turn.
        public init(name: String, shape: [Int], values: @escaping () throws -> [Float]) {
            self.init(name: name, elementType: .float32, shape: shape) { sink in
                let floats = try values()
                #if _endian(little)
                    try floats.withUnsafeBytes(sink)
                #else
                    var bytes: [UInt8] = []
                    appendLittleEndian(floats, to: &bytes)
                    try bytes.withUnsafeBytes(sink)
                #endif
            }
        }
    }

    /// What the file begins with: its tensors' bytes follow, in their order.
    public let header: [UInt8]
    private let tensors: [Tensor]
    private let sizes: [Int]

    /// Lays the file out; tensors are written in the order given, metadata in the order of its names.
    public init(metadata: [ByteText: String] = [:], tensors: [Tensor]) throws(SafetensorsError) {
        var sizes: [Int] = []
        var entries: [String] = []
        if !metadata.isEmpty {
            let items = metadata.sorted { $0.key.text < $1.key.text }.map {
                "\(jsonText($0.key.text)):\(jsonText($0.value))"
            }
            entries.append("\"__metadata__\":{\(items.joined(separator: ","))}")
        }
        var names: Set<ByteText> = [ByteText("__metadata__")]
        var offset = 0
        for tensor in tensors {
            guard names.insert(ByteText(tensor.name)).inserted else {
                throw .unwritable("the name \(quoted(tensor.name)) is taken already")
            }
            guard let size = (tensor.shape + [tensor.elementType.byteSize]).checkedProduct(),
                case let (end, overflow) = offset.addingReportingOverflow(size), !overflow
            else { throw .unwritable("the tensor \(quoted(tensor.name)) of shape \(tensor.shape) is too large") }
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            entries.append(
                "\(jsonText(tensor.name)):{\"dtype\":\"\(tensor.elementType.safetensorsName)\","
                    + "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            sizes.append(size)
            offset = end
        }
        self.tensors = tensors
        self.sizes = sizes
        self.header = SafetensorsWriter.padded(Array("{\(entries.joined(separator: ","))}".utf8))
    }

    /// Writes the whole file; nothing is left behind where a provider or the disk fails.
    ///
    /// Throws `FileError`, `SafetensorsError` where a provider gave too many or too few bytes, or the provider's error.
    ///
    /// - Parameters:
    ///   - path: the file
    ///   - check: is given the path of the finished file before it takes its name; where it throws, no file is left
    public func write(to path: String, check: (String) throws -> Void = { _ in }) throws {
        var file = try AtomicFile(path: path)
        try file.write(header)
        for (tensor, size) in zip(tensors, sizes) {
            let before = file.count
            try tensor.provider { bytes in
                guard bytes.count <= size - (file.count - before) else {
                    throw SafetensorsError.unwritable("the tensor \(quoted(tensor.name)) has more bytes than \(size)")
                }
                try file.write(bytes)
            }
            guard file.count - before == size else {
                throw SafetensorsError.unwritable(
                    "the tensor \(quoted(tensor.name)) has \(file.count - before) bytes of \(size)")
            }
        }
        try check(file.temporary)
        try file.commit()
    }

    /// The length and the header, with blanks at its end so that the data begins on a multiple of 64 bytes.
    private static func padded(_ json: [UInt8]) -> [UInt8] {
        let unpadded = SafetensorsHeader.lengthBytes + json.count
        let blanks = (64 - unpadded % 64) % 64
        var bytes: [UInt8] = []
        withUnsafeBytes(of: UInt64(json.count + blanks).littleEndian) { bytes.append(contentsOf: $0) }
        return bytes + json + [UInt8](repeating: 0x20, count: blanks)
    }
}

/// Text as a JSON string, quotes included.
func jsonText(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": quoted += "\\\""
        case "\\": quoted += "\\\\"
        case "\u{0}"..<"\u{20}":
            let digits = String(scalar.value, radix: 16)
            quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: quoted.unicodeScalars.append(scalar)
        }
    }
    return quoted + "\""
}
