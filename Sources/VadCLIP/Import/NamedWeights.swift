import CLIP
import Formats
import Platform
import Tensors

/// Weights whose names can be listed: a checkpoint.
protocol NamedWeights: WeightSource {
    /// All tensors' names, in the file's order; those that are not read too.
    var names: [String] { get }

    /// Why a tensor that is there is not read.
    func problem(of name: String) -> String?
}

extension NamedWeights {
    func problem(of name: String) -> String? { nil }
}

/// Weights have to be floating-point numbers: integers mean something else by scales that only their writer knows.
private func quantised(_ name: String, _ type: ElementType) -> WeightError? {
    guard !type.isFloatingPoint else { return nil }
    return WeightError(
        name: name,
        problem:
            "is of \(type) integers: expected floating-point numbers; save the weights as they were before they were "
            + "quantised")
}

/// A PyTorch checkpoint as weights.
struct CheckpointWeights: NamedWeights {
    let checkpoint: TorchCheckpoint

    var names: [String] { checkpoint.names + checkpoint.unread.keys.map(\.text).sorted() }

    func shape(of name: String) -> [Int]? { checkpoint.tensor(named: name)?.shape }

    func problem(of name: String) -> String? { checkpoint.unread[name] }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        if let tensor = checkpoint.tensor(named: name), let error = quantised(name, tensor.elementType) { throw error }
        do {
            return try checkpoint.floats(name, shape: shape)
        } catch {
            throw WeightError(name: name, problem: "can't be used: \(error.description)")
        }
    }
}

/// A state dict in a safetensors file as weights.
struct SafetensorsCheckpoint: NamedWeights {
    let file: SafetensorsFile

    var names: [String] { file.names + file.unread.keys.map(\.text).sorted() }

    func shape(of name: String) -> [Int]? { file[name]?.shape }

    func problem(of name: String) -> String? {
        file.unread[name].map { "is of the type \($0), which is not read here: save it as floating-point numbers" }
    }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        if let problem = problem(of: name) { throw WeightError(name: name, problem: problem) }
        if let tensor = file[name], let error = quantised(name, tensor.elementType) { throw error }
        do {
            return try file.floats(name, shape: shape)
        } catch {
            throw WeightError(name: name, problem: "can't be used: \(error.description)")
        }
    }
}

/// A checkpoint under VadCLIP's own names, without what other tools put before and between them, and with finite values.
struct PlainWeights: NamedWeights {
    private let base: any NamedWeights
    /// VadCLIP's names to those in the file.
    private let originals: [ByteText: String]
    let names: [String]
    /// What stood before the names, without its dot; empty where nothing did.
    let prefix: String
    /// Prefixes of other weights beside these.
    let others: [String]
    /// Those of `names` that had the prefix; all where there is none.
    let prefixed: [String]

    /// Wrappers of modules, whose names say nothing of the weights: those of parallel and of compiled modules.
    private static let wrappers: Set<ByteText> = [
        "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
    ]

    /// Finds the names by one that the wanted weights have.
    ///
    /// - Parameters:
    ///   - asked: the prefix to take where there are several
    ///   - mark: that name
    init(_ base: any NamedWeights, asked: String?, mark: String = ModelFile.Name.positions) throws(ModelError) {
        let unwrapped = base.names.map { name in
            (
                original: name,
                name: name.pieces(between: ASCII.dot)
                    .filter { !Self.wrappers.contains(ByteText(String($0))) }.joined(separator: ".")
            )
        }
        let found = Set(
            unwrapped.map(\.name).filter { $0.hasBytes(of: mark) || $0.ends(with: "." + mark) }.map { ByteText($0) })
        let prefixes = found.map { String(Substring($0.text.utf8.dropLast(mark.utf8.count))) }.sorted()
        let prefix = try Self.choose(SecondNames.without(prefixes), asked: asked)
        let second = SecondNames(unwrapped.map { $0.name.rest(after: prefix).map { String($0) } ?? $0.name })
        var originals: [ByteText: String] = [:]
        var (names, prefixed): ([String], [String]) = ([], [])
        for (original, name) in unwrapped {
            let rest = name.rest(after: prefix).map { String($0) }
            guard let plain = second.plain(rest ?? name) else { continue }
            if let other = originals.updateValue(original, forKey: ByteText(plain)) {
                throw .notAModel(
                    "the tensors \(quoted(other)) and \(quoted(original)) are both \(quoted(plain)) without what other tools "
                        + "put into names: expected one of them")
            }
            names.append(plain)
            if rest != nil { prefixed.append(plain) }
        }
        self.base = base
        self.prefixed = prefixed
        self.originals = originals
        self.names = names
        self.prefix = String(prefix.dropLast())
        others = SecondNames.without(prefixes).filter { !$0.hasBytes(of: prefix) }.map {
            $0.isEmpty ? "" : String($0.dropLast())
        }
    }

    private static func choose(_ prefixes: [String], asked: String?) throws(ModelError) -> String {
        if let asked, prefixes.contains(where: { $0.hasBytes(of: asked + ".") }) { return asked + "." }
        let plain = prefixes.filter { !WeightNames.isAveraged($0) }
        let candidates = plain.isEmpty ? prefixes : plain
        guard candidates.count > 1, !candidates.contains("") else { return candidates.first ?? "" }
        throw .notAModel(
            "the checkpoint has several models' weights, \(list(prefixes)): name one by --weights-from")
    }

    private static func list(_ prefixes: [String]) -> String {
        prefixes.prefix(8).map { quoted(String($0.dropLast())) }.joined(separator: ", ")
    }

    func shape(of name: String) -> [Int]? { base.shape(of: originals[name] ?? name) }

    func problem(of name: String) -> String? { base.problem(of: originals[name] ?? name) }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        let values = try base.floats(originals[name] ?? name, shape: shape)
        guard let at = values.firstIndex(where: { !$0.isFinite }) else { return values }
        var (rest, place): (Int, [Int]) = (at, [])
        for length in shape.reversed() {
            place.insert(rest % length, at: 0)
            rest /= length
        }
        throw WeightError(name: name, problem: "holds \(values[at]) at \(place): expected finite numbers")
    }
}

/// The names by which families' checkpoints have a tensor once more: a module that is registered twice.
///
/// `torch.save` stores it once for both names. Whoever writes such a state dict as safetensors keeps one of them, either.
struct SecondNames {
    private static let known = ModelFamily.all.flatMap(\.recognition.secondNames)
    private let names: Set<ByteText>

    /// Of a checkpoint with these names.
    init(_ names: [String]) { self.names = Set(names.map { ByteText($0) }) }

    /// The name that a tensor is read by; nil where it is there under that as well.
    func plain(_ name: String) -> String? {
        for (prefix, stands) in Self.known {
            guard let rest = name.rest(after: prefix) else { continue }
            let first = stands + String(rest)
            return names.contains(ByteText(first)) ? nil : first
        }
        return name
    }

    /// Prefixes of weights without those that say the same weights a second time.
    static func without(_ prefixes: [String]) -> [String] {
        prefixes.filter { prefix in
            !known.contains { second in
                guard prefix.ends(with: second.prefix) else { return false }
                let first = String(Substring(prefix.utf8.dropLast(second.prefix.utf8.count))) + second.stands
                return prefixes.contains { $0.hasBytes(of: first) }
            }
        }
    }
}

/// A checkpoint whose matrices have the values that a model file of some precision keeps.
struct RoundedWeights<Base: WeightSource>: WeightSource {
    let base: Base
    let precision: WeightPrecision

    func shape(of name: String) -> [Int]? { base.shape(of: name) }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        let values = try base.floats(name, shape: shape)
        guard precision.applies(to: name, shape: shape) else { return values }
        return try precision.rounded(values, rows: shape[0], name: name)
    }
}

extension RoundedWeights: NamedWeights where Base: NamedWeights {
    var names: [String] { base.names }
}

/// What a checkpoint's names and shapes tell of its settings.
enum CheckpointShapes {
    /// How many blocks there are whose names begin with `prefix` and a number from 0 on.
    static func count(of prefix: String, in names: [String]) -> Int {
        let numbers = numbers(of: prefix, in: names)
        var count = 0
        while numbers.contains(count) { count += 1 }
        return count
    }

    /// The first number that is left out where a higher one is there.
    static func gap(of prefix: String, in names: [String]) -> Int? {
        let (numbers, count) = (numbers(of: prefix, in: names), count(of: prefix, in: names))
        return numbers.count == count ? nil : count
    }

    private static func numbers(of prefix: String, in names: [String]) -> Set<Int> {
        var numbers: Set<Int> = []
        for name in names {
            guard let digits = name.rest(after: prefix)?.pieces(between: ASCII.dot, most: 1).first,
                digits == "0" || digits.utf8.first != ASCII.zero, let number = ASCII.number(digits.utf8, most: 9)
            else { continue }
            numbers.insert(number)
        }
        return numbers
    }

    /// Shape of the text tower in a family's style; throws where there is none, or where it does not fit features of
    /// `width`.
    static func textTower(
        of source: some WeightSource, names: [String], recipe: any TextRecipe, width: Int, prefix: Int, postfix: Int
    ) throws(ModelError) -> TextTower.Configuration {
        func shape(_ name: String) throws(ModelError) -> [Int] {
            guard let shape = source.shape(of: name) else {
                throw .badWeights(
                    WeightError(
                        name: name,
                        problem: "is missing: CLIP's text tower is needed for the text features of the labels"))
            }
            guard shape.count == 2, shape.allSatisfy({ $0 > 0 }) else {
                throw .badWeights(WeightError(name: name, problem: "has shape \(shape): expected two dimensions"))
            }
            return shape
        }
        let tokens = try shape(TextTower.Names.tokens)
        let positions = try shape(TextTower.Names.positions)
        let output = try shape(recipe.output.tensor)[recipe.output.axis]
        let layers = count(of: TextTower.Names.blocks, in: names)
        for (name, value) in [("prompt prefix", prefix), ("prompt postfix", postfix)]
        where !(0...positions[0]).contains(value) {
            throw .badSetting(name: name, value: String(value), expected: "0 to \(positions[0])")
        }
        guard output == width else {
            throw .badWeights(
                WeightError(
                    name: recipe.output.tensor,
                    problem: "makes text features \(output) wide: expected \(width), the width of the features"))
        }
        guard tokens[1] < 64 || tokens[1] % 64 == 0 else {
            throw .badSetting(name: "text tower's width", value: String(tokens[1]), expected: "a multiple of 64")
        }
        guard positions[0] > prefix + postfix + 2 else {
            throw .badSetting(
                name: "context", value: String(positions[0]), expected: "more than the prompt's \(prefix + postfix + 2)"
            )
        }
        return TextTower.Configuration(
            width: tokens[1], outputWidth: output, layers: layers, context: positions[0], vocabulary: tokens[0],
            prefix: prefix, postfix: postfix)
    }
}
