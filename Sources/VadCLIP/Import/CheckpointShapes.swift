import CLIP
import Numerics
import Platform

/// What a checkpoint's names and shapes tell of its settings.
enum CheckpointShapes {
    /// How many blocks there are whose names begin with `prefix` and a number from 0 on.
    static func count(of prefix: String, in names: [String]) -> Int {
        var numbers: Set<Int> = []
        for name in names {
            guard let digits = name.rest(after: prefix)?.pieces(between: ASCII.dot, most: 1).first,
                digits == "0" || digits.utf8.first != ASCII.zero, let number = ASCII.number(digits.utf8, most: 9)
            else { continue }
            numbers.insert(number)
        }
        var count = 0
        while numbers.contains(count) { count += 1 }
        return count
    }

    /// Shape of the text tower; throws where there is none, or where it does not fit features of `width`.
    static func textTower(
        of source: some WeightSource, names: [String], width: Int, prefix: Int, postfix: Int
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
        let projection = try shape(TextTower.Names.projection)
        let layers = count(of: TextTower.Names.blocks, in: names)
        for (name, value) in [("prompt prefix", prefix), ("prompt postfix", postfix)]
        where !(0...positions[0]).contains(value) {
            throw .badSetting(name: name, value: String(value), expected: "0 to \(positions[0])")
        }
        guard projection[1] == width else {
            throw .badWeights(
                WeightError(
                    name: TextTower.Names.projection,
                    problem: "makes text features \(projection[1]) wide: expected \(width), the width of the features"))
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
            width: tokens[1], outputWidth: projection[1], layers: layers, context: positions[0], vocabulary: tokens[0],
            prefix: prefix, postfix: postfix)
    }
}
