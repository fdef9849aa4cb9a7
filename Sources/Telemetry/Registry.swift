/// Families in the order in which they are written, each with what knows its numbers.
///
/// What is looked up once a scrape, such as how long the queue is, is the reading: each source is handed the same.
public struct Registry<Reading: Sendable>: Sendable {
    /// Writes the samples of a family.
    public typealias Source = @Sendable (Reading, inout TextWriter) -> Void

    private var sources: [(family: Family, write: Source)] = []

    /// Nothing yet.
    public init() {}

    /// The families that are written.
    public var families: [Family] { sources.map(\.family) }

    /// Adds a family, with what writes its samples.
    public mutating func add(_ family: Family, _ write: @escaping Source) { sources.append((family, write)) }

    /// Adds counters.
    public mutating func add(_ counters: Counters) { add(counters.family) { counters.write(to: &$1) } }

    /// Adds counters by name.
    public mutating func add(_ counters: NamedCounters) { add(counters.family) { counters.write(to: &$1) } }

    /// Adds histograms.
    public mutating func add(_ histograms: Histograms) { add(histograms.family) { histograms.write(to: &$1) } }

    /// Adds the one number of a family without labels.
    public mutating func add(_ family: Family, value: @escaping @Sendable (Reading) -> Int) {
        let beginning = TextWriter.beginning(of: family, labels: [])
        add(family) { reading, text in text.sample(beginning, value(reading), family.unit) }
    }

    /// All of it as text.
    public func text(_ reading: Reading, as format: TextFormat, reserving capacity: Int = 64 << 10) -> [UInt8] {
        var text = TextWriter(format, reserving: capacity)
        for source in sources {
            text.begin(source.family)
            source.write(reading, &text)
        }
        text.end()
        return text.bytes
    }
}
