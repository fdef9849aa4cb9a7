import Formats
import JSON
import Platform

/// Where a run stands between two steps: all that it needs to go on to the same bits.
public struct RunState: Equatable, Sendable {
    /// The epoch that is under way, counted from 0; as many as there are to be when the run has ended.
    public var epoch = 0
    /// Steps of it that are done.
    public var step = 0
    /// The weights.
    public var parameters: [Float]
    /// AdamW's moments and steps.
    public var optimizer: OptimizerState
    /// The best weights so far.
    public var best: [Float]?
    /// What was gone through.
    public var history = RunHistory()

    init(parameters: [Float], optimizer: OptimizerState) {
        self.parameters = parameters
        self.optimizer = optimizer
    }
}

/// The file that a run's state is kept in, a safetensors file that appears whole or not at all.
public struct RunStateFile: Sendable {
    private static let format = "vigil-training", version = "2"
    private enum Name {
        static let parameters = "parameters", first = "first_moments", second = "second_moments", best = "best"
    }

    /// Where it is.
    public let path: String
    /// What the run is made with, as JSON: settings, data, CLIP and kernels. Another run's state is refused by it.
    public let identity: [UInt8]

    /// The file of a run.
    public init(path: String, identity: [UInt8]) {
        self.path = path
        self.identity = identity
    }

    /// Whether there is one.
    public var exists: Bool { access(path, F_OK) == 0 }

    /// Writes the state in place of the one before. Throws `FileError`.
    public func write(_ state: RunState) throws {
        let place = JSONWriter.text { json in
            json.object { json in
                json.member("epoch", state.epoch)
                json.member("step", state.step)
                json.member("optimizer_steps", state.optimizer.steps)
                json.key("loss_sums")
                json.array(state.history.epochs) { json, epoch in
                    json.array([Double(epoch.steps)] + epoch.sums) { $0.number($1) }
                }
                json.key("validations")
                json.array(state.history.validations) { json, validation in validation.write(to: &json) }
                json.member("best", state.history.best)
            }
        }
        var blocks = [
            (Name.parameters, state.parameters), (Name.first, state.optimizer.first),
            (Name.second, state.optimizer.second),
        ]
        if let best = state.best { blocks.append((Name.best, best)) }
        try write(blocks, place: place)
    }

    func write(_ blocks: [(name: String, values: [Float])], place: String) throws {
        let identity = String(decoding: identity, as: UTF8.self)
        var sum = Sum(place: place, identity: identity)
        for block in blocks { block.values.withUnsafeBytes { sum.add(block.name, $0) } }
        try SafetensorsWriter(
            metadata: [
                "format": Self.format, "format_version": Self.version, "place": place, "identity": identity,
                "fingerprint": sum.text,
            ],
            tensors: blocks.map { name, values in .init(name: name, shape: [values.count]) { values } }
        ).write(to: path)
    }

    /// What tells that all of a state is as it was written.
    private struct Sum {
        private var fingerprint = Fingerprint()

        init(place: String, identity: String) {
            add("place", text: place)
            add("identity", text: identity)
        }

        mutating func add(_ name: String, _ bytes: UnsafeRawBufferPointer) {
            Array("\(name)\0\(bytes.count)\0".utf8).withUnsafeBytes { fingerprint.update($0) }
            fingerprint.update(bytes)
        }

        private mutating func add(_ name: String, text: String) {
            Array(text.utf8).withUnsafeBytes { add(name, $0) }
        }

        var text: String { fingerprint.text }
    }

    /// Reads the state of a run with so many parameters.
    public func read(parameters count: Int) throws(RunError) -> RunState {
        let tensors: SafetensorsFile
        do { tensors = try SafetensorsFile(file: MappedFile(holding: path)) } catch {
            throw .badState("\(path) can't be read: \(error)")
        }
        guard tensors.metadata["format"] == Self.format else { throw .badState("\(path) is no state of a training") }
        guard tensors.metadata["format_version"] == Self.version else {
            throw .badState(
                "\(path) is the state of a training by another version of Vigil, which alone can go on from it; remove it to "
                    + "begin again")
        }
        try checkSum(of: tensors)
        try compare(tensors.metadata["identity"] ?? "")
        func block(_ name: String) throws(RunError) -> [Float] {
            do throws(SafetensorsError) {
                let values = try tensors.floats(name, shape: [count])
                guard values.allSatisfy(\.isFinite) else { throw .malformed("the tensor '\(name)' is not all finite") }
                guard name != Name.second || values.allSatisfy({ $0 >= 0 }) else {
                    throw .malformed("the tensor '\(name)', of means of squares, has some below 0")
                }
                return values
            } catch {
                throw .badState("\(path): \(error.description)")
            }
        }
        guard
            let json = try? JSONReader.parse(Array((tensors.metadata["place"] ?? "").utf8)),
            let steps = json["optimizer_steps"]?.integer, steps >= 0
        else { throw .badState("\(path): its place is damaged") }
        var state = RunState(
            parameters: try block(Name.parameters),
            optimizer: OptimizerState(first: try block(Name.first), second: try block(Name.second), steps: steps))
        if tensors[Name.best] != nil { state.best = try block(Name.best) }
        try readPlace(json, into: &state)
        return state
    }

    /// Throws where a byte is another than was written.
    private func checkSum(of tensors: SafetensorsFile) throws(RunError) {
        var sum = Sum(place: tensors.metadata["place"] ?? "", identity: tensors.metadata["identity"] ?? "")
        for tensor in tensors.tensors { tensors.withBytes(of: tensor) { sum.add(tensor.name, $0) } }
        guard let written = tensors.metadata["fingerprint"], written.hasBytes(of: sum.text) else {
            throw .badState(
                "\(path) is damaged: its bytes are not those that were written; remove it to begin again")
        }
    }

    private func readPlace(_ json: JSONValue, into state: inout RunState) throws(RunError) {
        guard let epoch = json["epoch"]?.integer, let step = json["step"]?.integer, epoch >= 0, step >= 0,
            let sums = json["loss_sums"]?.array, let validations = json["validations"]?.array
        else { throw .badState("\(path): its place is damaged") }
        (state.epoch, state.step) = (epoch, step)
        for sum in sums {
            guard let numbers = sum.array?.compactMap(\.double), numbers.count == 5,
                let steps = Int(exactly: numbers[0])
            else { throw .badState("\(path): its losses are damaged") }
            state.history.epochs.append(RunHistory.Epoch(steps: steps, sums: Array(numbers[1...])))
        }
        state.history.validations = validations.compactMap { RunHistory.Validation($0) }
        state.history.best = json["best"]?.integer
        guard state.history.validations.count == validations.count,
            state.history.best.map({ validations.indices.contains($0) && state.best != nil }) ?? (state.best == nil)
        else { throw .badState("\(path): its validations are damaged") }
    }

    /// Throws where the state is another run's, and says in what.
    private func compare(_ found: String) throws(RunError) {
        guard !Array(found.utf8).elementsEqual(identity) else { return }
        guard let stored = try? JSONReader.parse(Array(found.utf8)), let own = try? JSONReader.parse(identity) else {
            throw .badState("\(path) is the state of another training")
        }
        throw .badState(
            "\(path) is the state of another training: " + (Self.difference(stored, own) ?? "it was made otherwise")
                + "; remove it to begin again, or name another --output")
    }

    /// The first member that differs, by its path.
    private static func difference(_ stored: JSONValue, _ own: JSONValue, at name: String = "") -> String? {
        guard stored != own else { return nil }
        if case .object(let members) = own, case .object(let others) = stored {
            for member in members {
                guard let other = stored[member.name] else { return "it has no \(member.name)" }
                let place = name.isEmpty ? member.name : "\(name).\(member.name)"
                if let found = difference(other, member.value, at: place) { return found }
            }
            if let more = others.first(where: { own[$0.name] == nil }) { return "it has \(quoted(more.name))" }
        }
        return "\(name) was \(text(stored)) and is \(text(own))"
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text), .number(let text): quoted(text)
        case .bool(let flag): "\(flag)"
        case .null: "nothing"
        case .array(let items): "[" + items.prefix(20).map(text).joined(separator: ", ") + "]"
        case .object: "an object"
        }
    }
}
