import Formats
import Platform

/// The matrices of an upload as they come, within the limits that hold for all of them together.
struct UploadMatrices {
    /// What an upload may hold.
    let limits: ArrayLimits
    /// How they came.
    let way: PassedOver.Way
    /// Bytes of the matrices so far.
    private(set) var heldBytes = 0
    private var matrices: [(name: MatrixName, array: DecodedArray, notes: [String])] = []
    /// What the first one's file has besides, as long as it is the only one: of many that would be much to hold.
    private var beside = FileMembers()

    init(limits: ArrayLimits, way: PassedOver.Way = .request) {
        self.limits = limits
        self.way = way
    }

    /// How many there are.
    var count: Int { matrices.count }

    /// Takes the next one in; `notes` are what is to be said of it, and `beside` is what its file has besides.
    mutating func add(
        _ array: DecodedArray, as name: MatrixName, notes: [String] = [], beside: FileMembers = FileMembers()
    ) throws(ArrayDecodingError) {
        guard matrices.count < limits.maxMatrices else {
            throw ArrayDecodingError(
                .tooMany,
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
        if matrices.count == 1 {
            self.beside = beside
            return
        }
        if matrices.count == 2 {
            matrices[0].notes += PassedOver.notes(ofOneOfSeveral: self.beside.names, way)
            self.beside = FileMembers()
        }
        matrices[matrices.count - 1].notes += PassedOver.notes(ofOneOfSeveral: beside.names, way)
    }

    /// All of them, with names that differ: one that is taken already gets a number. Of a lone one, what stands beside it
    /// are parameters too.
    consuming func upload(parameters: [Parameter] = []) throws(ArrayDecodingError) -> Upload {
        if matrices.count == 1, let (name, array, notes) = matrices.first {
            let own: [Parameter]
            do throws(ArrayDecodingError) { own = try beside.parameters() } catch { throw error.told(of: name.file) }
            let matrix = NamedMatrix(name: name.alone, file: name.file, array: array, notes: notes)
            return Upload(matrices: [matrix], parameters: parameters + own)
        }
        var names = DifferingNames()
        let named = matrices.map { name, array, notes in
            NamedMatrix(name: names.next(name.amongOthers), file: name.file, array: array, notes: notes)
        }
        return Upload(matrices: named, isBatch: true, parameters: parameters)
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
