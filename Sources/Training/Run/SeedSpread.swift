/// How a figure spreads over runs that differ in their seeds alone.
public struct SeedSpread: Equatable, Sendable {
    /// The figure's name.
    public let name: String
    /// Runs that have it.
    public let count: Int
    /// Their mean.
    public let mean: Double
    /// The standard deviation of the sample, with n - 1; 0 for one run.
    public let deviation: Double
    /// The least.
    public let least: Double
    /// The greatest.
    public let greatest: Double

    /// The spread of some values, at least one.
    public init?(name: String, _ values: [Double]) {
        guard let least = values.min(), let greatest = values.max() else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        self.name = name
        count = values.count
        self.mean = mean
        deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0
        self.least = least
        self.greatest = greatest
    }

    /// Of each figure that the results have.
    public static func of(_ results: [SeedResult]) -> [SeedSpread] {
        RunSettings.Metric.allCases.compactMap { metric in
            SeedSpread(name: metric.rawValue, results.compactMap { $0.figures?.figures[metric] })
        }
    }
}

extension SeedResult {
    /// The figures by their names.
    public var named: [(name: String, value: Double)] {
        RunSettings.Metric.allCases.compactMap { metric in
            figures?.figures[metric].map { (metric.rawValue, $0) }
        }
    }
}
