/// What all series of one name have in common, as docs/metrics.md and the head of each family tell it.
public struct Family: Sendable, Hashable {
    /// How its numbers move.
    public enum Kind: String, Sendable, CaseIterable {
        /// They only grow, from zero at the start of the process.
        case counter
        /// They go up and down.
        case gauge
        /// Counts of what was measured, by how large it was, with their sum.
        case histogram
        /// One, always: the labels say it all.
        case info
    }

    /// What its numbers are of, in the base units that Prometheus asks for.
    public enum Unit: String, Sendable, CaseIterable {
        /// Kept in nanoseconds, written in seconds.
        case seconds
        case bytes
        /// A count of things that the name names.
        case none

        /// How many of what is kept make one of what is written.
        var scale: Int { self == .seconds ? 1_000_000_000 : 1 }
    }

    /// The name in full, a counter's with `_total`.
    public let name: String
    /// How its numbers move.
    public let kind: Kind
    /// What they are of.
    public let unit: Unit
    /// One sentence.
    public let help: String
    /// The names of the labels, in their order.
    public let labels: [String]
    /// The upper ends of a histogram's buckets, in what is kept, rising; none of another family.
    public let bounds: [Int]

    /// A family of series.
    public init(
        _ name: String, _ kind: Kind, in unit: Unit = .none, labels: [String] = [], bounds: [Int] = [], _ help: String
    ) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.help = help
        self.labels = labels
        self.bounds = bounds
    }

    /// The name without the ending that OpenMetrics has for the kind alone.
    var stem: String {
        let ending = kind == .counter ? "_total" : kind == .info ? "_info" : ""
        return String(name.utf8.dropLast(ending.utf8.count)) ?? name
    }

    /// The names of its samples, as a query asks for them.
    public var sampleNames: [String] {
        kind == .histogram ? ["_bucket", "_sum", "_count"].map { name + $0 } : [name]
    }
}

extension Family {
    /// Buckets of times, in milliseconds: the same on every server and in every release, so that sums add up.
    static func milliseconds(_ bounds: [Double]) -> [Int] { bounds.map { Int($0 * 1_000_000) } }
}
