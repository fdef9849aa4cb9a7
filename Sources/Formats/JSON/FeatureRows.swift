/// Gathers nested lists of numbers into one array, and refuses lists of unequal length or depth.
struct FeatureRows {
    private static let features = "features"

    private let limits: ArrayLimits
    private let width: Int?
    /// What messages call the lists.
    private let name: String
    /// The most numbers that a list may have.
    private let longest: Int
    /// Elements so far of each list that is open, outermost first.
    private var counts: [Int] = []
    /// Length of the first list that was closed at each level; nil before that.
    private var lengths: [Int?] = []
    /// The level whose lists hold numbers, once one is known.
    private var leafLevel: Int?
    private var values: [Float] = []
    /// Numbers taken in so far.
    var count: Int { values.count }

    /// Rows of features are as wide as one of the models that make them; of those the check can say where they come from.
    private static let widestKnown = 2_048

    /// - Parameters:
    ///   - width: numbers a row, where that is known
    ///   - name: what messages call the lists; those of `features` are rows
    init(limits: ArrayLimits, width: Int? = nil, name: String = FeatureRows.features) {
        self.name = name
        self.limits = limits
        self.width = width
        longest = width.map { max($0, Self.widestKnown) } ?? .max
    }

    /// Whether a list is open.
    var isOpen: Bool { !counts.isEmpty }

    /// Where the next element goes, counted from 0.
    var place: String {
        switch counts.count {
        case 0: "'\(name)'"
        case 1 where name == Self.features: "row \(counts[0]) (counted from 0)"
        case 2 where name == Self.features: "row \(counts[0]), column \(counts[1]) (counted from 0)"
        default: name + counts.map { "[\($0)]" }.joined()
        }
    }

    mutating func open() throws(ArrayDecodingError) {
        if let leafLevel, counts.count >= leafLevel {
            throw ArrayDecodingError(.unfit, "\(place) is a list where the lists before it hold numbers")
        }
        guard counts.count < ArrayLimits.maxRank else {
            throw ArrayDecodingError(.unfit, "\(place) nests lists deeper than \(ArrayLimits.maxRank) levels")
        }
        counts.append(0)
        if lengths.count < counts.count { lengths.append(nil) }
    }

    mutating func close() throws(ArrayDecodingError) {
        let level = counts.count
        guard let count = counts.popLast() else { return }
        if let length = lengths[level - 1] {
            guard count == length else { throw ragged(count, length, level: level) }
        } else {
            lengths[level - 1] = count
        }
        if count == 0 && leafLevel == nil { leafLevel = level }
        if level > 1 { counts[level - 2] += 1 }
    }

    mutating func append(_ value: Float) throws(ArrayDecodingError) {
        guard value.isFinite else { throw ArrayDecodingError(.unfit, "\(place) is beyond the range of float32") }
        let level = counts.count
        if leafLevel == nil { leafLevel = level }
        guard leafLevel == level else {
            throw ArrayDecodingError(.unfit, "\(place) is a number where the elements before it are lists")
        }
        guard values.count < limits.maxElements else {
            throw ArrayDecodingError(.tooLarge, "'\(name)' has more than the limit of \(limits.maxElements) numbers")
        }
        guard counts[level - 1] < longest else { throw tooLong() }
        values.append(value)
        counts[level - 1] += 1
    }

    /// The array, once the outermost list has been closed.
    mutating func take() -> DecodedArray {
        let taken = values
        values = []
        return DecodedArray(shape: lengths.map { $0 ?? 0 }, elementType: .float32, values: taken)
    }

    private func tooLong() -> ArrayDecodingError {
        let expected = width.map { "\($0)" } ?? "d"
        guard counts.count > 1 else {
            return ArrayDecodingError(
                .unfit,
                "the features are one list of more than \(longest) numbers: expected two dimensions, [T, \(expected)], a "
                    + "row a snippet")
        }
        return ArrayDecodingError(
            .unfit,
            "rows are more than \(longest) wide: expected \(expected), a row a snippet (in numpy features.T if they are "
                + "transposed)")
    }

    private func ragged(_ count: Int, _ length: Int, level: Int) -> ArrayDecodingError {
        if level == 2 && leafLevel == 2 && name == Self.features {
            return ArrayDecodingError(
                .unfit, "row \(counts[0]) (counted from 0) has \(count) numbers, and row 0 has \(length)")
        }
        let name = name + counts.map { "[\($0)]" }.joined()
        return ArrayDecodingError(.unfit, "\(name) has \(count) elements, and the first such list has \(length)")
    }
}
