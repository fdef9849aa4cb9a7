/// One tensor of a checkpoint: a view of a storage, which it may share with others.
public struct TorchTensor: Equatable, Sendable {
    /// Its name in the state dict, without DataParallel's `module.`.
    public var name: String
    /// The type of its elements.
    public var elementType: ElementType
    /// Lengths along each axis; none for a single number.
    public var shape: [Int]
    /// Elements from one index to the next along each axis; 0 where an axis repeats itself.
    public var strides: [Int]
    /// Elements of the storage before its first.
    public var offset: Int
    /// The storage.
    public var storage: ZipEntry
    /// The product of the shape.
    public var elementCount: Int

    /// Whether its elements follow one another in row-major order.
    public var isContiguous: Bool {
        var expected = 1
        for (length, stride) in zip(shape, strides).reversed() where length != 1 {
            guard stride == expected else { return elementCount == 0 }
            expected *= length
        }
        return true
    }

    /// Checks that every element is inside the storage, with all arithmetic checked.
    init(
        name: String, elementType: ElementType, shape: [Int], strides: [Int], offset: Int, storage: ZipEntry
    ) throws(CheckpointError) {
        func fault(_ reason: String) -> CheckpointError { .tensor(name: name, reason: reason) }
        guard shape.count == strides.count, shape.count <= 64 else {
            throw fault("has \(shape.count) lengths and \(strides.count) strides")
        }
        guard !shape.contains(where: { $0 < 0 }) else { throw fault("has the negative length in its shape \(shape)") }
        guard !strides.contains(where: { $0 < 0 }) else { throw fault("has negative strides, \(strides)") }
        guard let count = shape.checkedProduct() else { throw fault("has a shape beyond all memory, \(shape)") }
        let capacity = storage.size / elementType.byteSize
        guard offset >= 0, offset <= capacity else {
            throw fault("begins at element \(offset) of a storage of \(capacity)")
        }
        if count > 0 {
            let steps = zip(shape, strides).map { ($0 - 1).multipliedReportingOverflow(by: $1) }
            let last = steps.reduce((partialValue: offset, overflow: false)) { sum, step in
                let (next, overflow) = sum.partialValue.addingReportingOverflow(step.partialValue)
                return (next, sum.overflow || step.overflow || overflow)
            }
            guard !last.overflow, last.partialValue < capacity else {
                throw fault(
                    "of shape \(shape) and strides \(strides) reaches beyond its storage of \(capacity) elements")
            }
        }
        self.name = name
        self.elementType = elementType
        self.shape = shape
        // The stride of an axis of one element, or of an empty tensor, is never used; 0 keeps it out of all arithmetic.
        self.strides = zip(shape, strides).map { $0 <= 1 || count == 0 ? 0 : $1 }
        self.offset = offset
        self.storage = storage
        self.elementCount = count
    }
}
