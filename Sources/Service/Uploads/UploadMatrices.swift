import Formats
import Platform

/// The matrices of an upload as they come, within the limits that hold for all of them together.
struct UploadMatrices {
    /// What an upload may hold.
    let limits: ArrayLimits
    /// Whether one of the files holds several matrices, or would be one of several if there were more.
    var isBatch = false
    /// Bytes of the matrices so far.
    private(set) var heldBytes = 0
    private var matrices: [(name: MatrixName, array: DecodedArray, notes: [String])] = []

    init(limits: ArrayLimits) { self.limits = limits }

    /// How many there are.
    var count: Int { matrices.count }

    /// Takes the next one in; `notes` are what is to be said of it.
    mutating func add(
        _ array: DecodedArray, as name: MatrixName, notes: [String] = []
    ) throws(ArrayDecodingError) {
        guard matrices.count < limits.maxMatrices else {
            throw ArrayDecodingError(
                .tooLarge,
                "with it there are \(matrices.count + 1) matrices or more; at most \(limits.maxMatrices) are taken at once"
            ).told(of: name.file)
        }
        let bytes = array.values.count * 4
        guard bytes <= limits.maxBytes - heldBytes else {
            throw ArrayDecodingError(
                .tooLarge,
                "with it the matrices have more than the limit of \(limits.maxElements) numbers together"
            ).told(of: name.file)
        }
        heldBytes += bytes
        matrices.append((name, array, notes))
    }

    /// All of them, with names that differ: one that is taken already gets a number.
    consuming func upload(parameters: [Parameter] = []) -> Upload {
        let isBatch = isBatch || matrices.count > 1
        var names = DifferingNames()
        let named = matrices.map { name, array, notes in
            NamedMatrix(
                name: isBatch ? names.next(name.amongOthers) : name.alone, file: name.file, array: array, notes: notes)
        }
        return Upload(matrices: named, isBatch: isBatch, parameters: parameters)
    }
}

/// Makes names differ.
private struct DifferingNames {
    private var taken: Set<ByteText> = []
    private var numbers: [ByteText: Int] = [:]

    /// The name itself; with a number behind it where it is taken already.
    mutating func next(_ name: String) -> String {
        var candidate = name
        while !taken.insert(ByteText(candidate)).inserted {
            let number = numbers[ByteText(name), default: 1] + 1
            numbers[ByteText(name)] = number
            candidate = "\(name)-\(number)"
        }
        return candidate
    }
}
