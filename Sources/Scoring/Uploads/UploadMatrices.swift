import Formats
import Jobs
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
    private mutating func add(
        _ array: DecodedArray, as name: MatrixName, notes: [String], beside: FileMembers = FileMembers()
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

    /// Takes in what a file held; `notes` are what is to be said of each of its matrices.
    ///
    /// - Parameter reservation: grows with what the upload takes while an archive is unpacked
    mutating func add(
        _ content: FileContent, as name: MatrixName, notes: [String], _ reservation: Reservation?
    ) async throws {
        switch content {
        case .array(let array, let members): try add(array, as: name, notes: notes, beside: members)
        case .tensors(let tensors, let passedOver): try add(tensors, passedOver, as: name, notes: notes)
        case .archive(let archive): try await unpack(archive, as: name, notes: notes, reservation)
        }
    }

    private mutating func add(
        _ tensors: [(name: String, array: DecodedArray)], _ passedOver: [String], as name: MatrixName, notes: [String]
    ) throws(ArrayDecodingError) {
        if (tensors.map(\.name) + passedOver).contains(where: Self.isOfModel) {
            throw ArrayDecodingError(
                .unsupported,
                "these are no features but the weights of a model: name it by --model of vigil serve or vigil score, after "
                    + "vigil import where it is a checkpoint")
        }
        let notes = notes + PassedOver.notes(passedOver, way)
        if tensors.count == 1, let tensor = tensors.first {
            return try add(tensor.array, as: name.holding(onlyOne: tensor.name), notes: notes)
        }
        for tensor in tensors {
            try add(tensor.array, as: name.holding(tensor.name, amongOthers: tensor.name), notes: notes)
        }
    }

    /// Whether a tensor is one that every model or checkpoint has, whatever was put before its name.
    private static func isOfModel(_ name: String) -> Bool {
        ("." + name).ends(with: ".frame_position_embeddings.weight")
    }

    private mutating func unpack(
        _ archive: ZipMatrices, as name: MatrixName, notes: [String], _ reservation: Reservation?
    ) async throws {
        let notes = notes + PassedOver.notes(archive.passedOver, way)
        for file in archive.files {
            var inner = name.holding(file.path, amongOthers: file.name)
            inner.alone = name.holding(onlyOne: file.name).alone
            let held = archive.heldBytes + heldBytes
            let content: FileContent
            do {
                content = try archive.decode(file) { try reservation?.grow(toBytes: held + $0) }
            } catch let error as ArrayDecodingError {
                throw error.told(of: inner.file)
            }
            guard case .array(let array, let members) = content else { throw UploadDecoder.checkpoint }
            try add(array, as: inner, notes: notes, beside: members)
            // Others get their turn, as they do between the pieces of a body.
            await Task.yield()
        }
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

/// What a file of an upload is called.
struct MatrixName {
    /// In messages; nil for a body that is the file itself.
    var file: String?
    /// If it gives the upload's only matrix.
    var alone: String?
    /// Among others.
    var amongOthers: String

    /// A body that is the file itself.
    static let body = MatrixName(file: nil, alone: nil, amongOthers: "features")

    /// A file of a form: after its name, else after the field's name and a number.
    ///
    /// - Parameter number: which of the form's files it is, from 1
    init(field: String, filename: String?, number: Int) {
        let numbered = "\(field)-\(number)"
        // By bytes: to Swift a slash with a mark above it is another character.
        let separators = [UInt8(ascii: "/"), UInt8(ascii: "\\")]
        guard let filename, let part = filename.utf8.split(whereSeparator: separators.contains).last else {
            self.init(file: number == 1 ? field : numbered, alone: nil, amongOthers: numbered)
            return
        }
        let last = String(Substring(part))
        self.init(file: filename, alone: last, amongOthers: Self.withoutEnding(last))
    }

    private init(file: String?, alone: String?, amongOthers: String) {
        self.file = file
        self.alone = alone
        self.amongOthers = amongOthers
    }

    /// A matrix that this file holds under the name `path`, with an ending where it is a file itself.
    func holding(_ path: String, amongOthers name: String) -> MatrixName {
        MatrixName(file: file.map { "\($0)/\(path)" } ?? path, alone: name, amongOthers: name)
    }

    /// The only matrix that this file holds: the file's name stands for it, else its own, if that says more than what it is.
    func holding(onlyOne matrix: String) -> MatrixName {
        var name = self
        if matrix != "features" { name.alone = alone ?? matrix }
        return name
    }

    /// The path without the ending of its last part. An ending begins with a letter, so that `v1.2` has none.
    static func withoutEnding(_ path: String) -> String {
        guard let dot = path.utf8.lastIndex(of: ASCII.dot), dot > path.startIndex,
            path.utf8[path.utf8.index(before: dot)] != ASCII.slash
        else { return path }
        let ending = path[path.utf8.index(after: dot)...]
        guard (1...11).contains(ending.utf8.count), let first = ending.utf8.first, Self.isEndingLetter(first),
            ending.utf8.allSatisfy({ Self.isEndingLetter($0) || ASCII.isDigit($0) })
        else { return path }
        return String(path[..<dot])
    }

    private static func isEndingLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}

/// What stands beside features in a file and is not scored.
enum PassedOver {
    /// How the files came, which is how parameters are given.
    enum Way: Sendable {
        case request, commandLine

        fileprivate var framesASecond: String { self == .request ? "the parameter fps" : "--fps" }

        fileprivate var parametersOfSeveral: String {
            switch self {
            case .request: "parameters of a batch stand in the query or in fields of its form, and hold for all of it"
            case .commandLine: "for a file of several they are given by options, and hold for all of a batch"
            }
        }
    }

    /// What to say of arrays: nothing where there is none.
    static func notes(_ names: [String], _ way: Way) -> [String] {
        guard !names.isEmpty else { return [] }
        let fps = names.contains("fps") ? "; frames a second are given by \(way.framesASecond)" : ""
        return ["beside the features, and passed over: \(list(names))\(fps)"]
    }

    /// What to say of members of a JSON file that is one of several.
    static func notes(ofOneOfSeveral names: [String], _ way: Way) -> [String] {
        names.isEmpty
            ? [] : ["beside the features, and passed over: \(list(names)); \(way.parametersOfSeveral)"]
    }

    /// The first names, and how many more there are.
    static func list(_ names: [String]) -> String {
        let shown = names.prefix(5).map { quoted($0, limit: 40) }.joined(separator: ", ")
        return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
    }
}
