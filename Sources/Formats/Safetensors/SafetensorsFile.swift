import Platform

/// How much of a safetensors file's header is read.
public struct SafetensorsLimits: Equatable, Sendable {
    /// Bytes of the header.
    public var maxHeaderBytes: Int

    /// The usual limit for files on disk.
    public init(maxHeaderBytes: Int = 8 << 20) { self.maxHeaderBytes = maxHeaderBytes }
}

/// A safetensors file, mapped: the header is checked completely when it is opened, tensors are read when asked for.
public struct SafetensorsFile: Sendable {
    /// The mapped file.
    public let file: MappedFile
    /// What the writer noted beside the tensors.
    public let metadata: [ByteText: String]
    /// The tensors in the order of their bytes.
    public let tensors: [SafetensorsTensor]
    /// The types of tensors that are not read here (8-bit floats, complex numbers), by name.
    public let unread: [ByteText: String]
    private let indexes: [ByteText: Int]

    /// Checks the header: its length, JSON, types, shapes, and that the tensors fill the file without holes or overlaps.
    public init(file: MappedFile, limits: SafetensorsLimits = SafetensorsLimits()) throws(SafetensorsError) {
        let header = try file.withUnsafeBytes { bytes throws(SafetensorsError) in
            let length = try SafetensorsHeader.length(bytes, limit: limits.maxHeaderBytes)
            let end = SafetensorsHeader.lengthBytes + length
            guard end <= bytes.count else {
                throw SafetensorsError.malformed("the header claims \(length) bytes in a file of \(bytes.count)")
            }
            return try SafetensorsHeader.parse(bytes.part(SafetensorsHeader.lengthBytes..<end))
        }
        guard header.fileLength == file.count else {
            throw .malformed("the tensors end at byte \(header.fileLength) and the file at byte \(file.count)")
        }
        self.file = file
        self.metadata = header.metadata
        self.tensors = header.tensors
        self.unread = Dictionary(
            header.unread.map { (ByteText($0.name), $0.type) }, uniquingKeysWith: { first, _ in first })
        self.indexes = Dictionary(uniqueKeysWithValues: header.tensors.enumerated().map { (ByteText($1.name), $0) })
    }

    /// The tensors' names in the order of their bytes.
    public var names: [String] { tensors.map(\.name) }

    /// The tensor of that name.
    public func tensor(named name: String) -> SafetensorsTensor? { indexes[ByteText(name)].map { tensors[$0] } }

    /// The tensor of that name.
    public subscript(name: String) -> SafetensorsTensor? { tensor(named: name) }

    /// The tensor's bytes where they lie in the file, little-endian; they need not be aligned.
    public func withBytes<R, E>(
        of tensor: SafetensorsTensor, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try file.withUnsafeBytes { bytes throws(E) in
            // A tensor of another file may reach past this one.
            try body(bytes.part(tensor.byteRange.clamped(to: 0..<bytes.count)))
        }
    }

    /// The tensor's elements as float32, row-major.
    ///
    /// - Parameters:
    ///   - name: the tensor
    ///   - shape: the shape it must have; any where nil
    public func floats(_ name: String, shape: [Int]? = nil) throws(SafetensorsError) -> [Float] {
        guard let tensor = tensor(named: name) else { throw .missing(name: name) }
        if let shape, shape != tensor.shape { throw .shape(name: name, expected: shape, found: tensor.shape) }
        return withBytes(of: tensor) { tensor.elementType.floats($0) }
    }
}
