import Formats
import Numerics
import Platform

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

    /// Wrappers of modules, whose names say nothing of the weights: those of parallel and of compiled modules.
    private static let wrappers: Set<ByteText> = [
        "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
    ]

    /// Finds the names by the position embeddings.
    ///
    /// - Parameter asked: the prefix to take where there are several
    init(_ base: any NamedWeights, asked: String?) throws(ModelError) {
        let unwrapped = base.names.map { name in
            (
                original: name,
                name: name.pieces(between: ASCII.dot)
                    .filter { !Self.wrappers.contains(ByteText(String($0))) }.joined(separator: ".")
            )
        }
        let mark = ModelFile.Name.positions
        let found = Set(
            unwrapped.map(\.name).filter { $0.hasBytes(of: mark) || $0.ends(with: "." + mark) }.map { ByteText($0) })
        let prefixes = found.map { String(Substring($0.text.utf8.dropLast(mark.utf8.count))) }.sorted()
        let prefix = try Self.choose(prefixes, asked: asked)
        var originals: [ByteText: String] = [:]
        var names: [String] = []
        for (original, name) in unwrapped {
            let plain = name.rest(after: prefix).map { String($0) } ?? name
            if let other = originals.updateValue(original, forKey: ByteText(plain)) {
                throw .notAModel(
                    "the tensors \(quoted(other)) and \(quoted(original)) are both \(quoted(plain)) without what other tools "
                        + "put into names: expected one of them")
            }
            names.append(plain)
        }
        self.base = base
        self.originals = originals
        self.names = names
        self.prefix = String(prefix.dropLast())
        others = prefixes.filter { !$0.hasBytes(of: prefix) }.map { $0.isEmpty ? "" : String($0.dropLast()) }
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
