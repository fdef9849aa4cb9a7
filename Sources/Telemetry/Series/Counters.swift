import Platform
import Synchronization

/// The series of a family that are known from the start, each by its index; they are there at zero before anything happens.
///
/// To count is one atomic addition. What stands before each value is written once, when the family is made.
public final class Counters: Sendable {
    /// A series that may come to be.
    public struct Series: Sendable {
        /// The values of its labels.
        public let labels: [String]
        /// Whether it is left out as long as it is zero, since it hardly ever comes to be.
        public let isHidden: Bool

        /// A series with these values of its labels.
        public init(_ labels: [String], isHidden: Bool = false) {
            self.labels = labels
            self.isHidden = isHidden
        }
    }

    /// What the series are of.
    public let family: Family
    private let beginnings: [[UInt8]]
    private let isHidden: [Bool]
    private let cells: Cells

    /// Counters at zero.
    public init(_ family: Family, _ series: [Series]) {
        self.family = family
        beginnings = series.map { TextWriter.beginning(of: family, labels: $0.labels) }
        isHidden = series.map(\.isHidden)
        cells = Cells(count: series.count)
    }

    /// Counters of a family with one label, which has these values.
    public convenience init(_ family: Family, values: [String]) {
        self.init(family, values.map { Series([$0]) })
    }

    /// The one series of a family without labels.
    public convenience init(_ family: Family) { self.init(family, [Series([])]) }

    /// Adds to a series.
    public func add(_ amount: Int = 1, to series: Int = 0) { cells.add(amount, at: series) }

    /// Adds a time.
    public func add(_ time: Duration, to series: Int = 0) { cells.add(Int(time.wholeNanoseconds), at: series) }

    /// What a series has come to.
    public subscript(series: Int) -> Int { cells[series] }

    /// Writes the samples.
    ///
    /// - Parameters:
    ///   - text: is written to
    ///   - more: what was counted elsewhere of a series
    public func write(to text: inout TextWriter, adding more: (series: Int, amount: Int)? = nil) {
        for index in beginnings.indices {
            let value = cells[index] + (more?.series == index ? more?.amount ?? 0 : 0)
            if value == 0, isHidden[index] { continue }
            text.sample(beginnings[index], value, family.unit)
        }
    }
}

/// Counters by a name that comes from outside: the first so many names have a series each, and the others one together.
public final class NamedCounters: Sendable {
    private struct Names {
        var places: [ByteText: Int] = [:]
        var beginnings: [[UInt8]] = []
    }

    /// What all names beyond the limit are counted as.
    public static let other = "other"

    /// What the series are of.
    public let family: Family
    private let limit: Int
    private let cells: Cells
    private let names = Mutex(Names())
    private let otherBeginning: [UInt8]

    /// Counters of a family with one label.
    ///
    /// - Parameters:
    ///   - family: the metric
    ///   - limit: how many names have a series of their own
    ///   - known: the names that are there at zero from the start
    public init(_ family: Family, limit: Int, known: [String] = []) {
        self.family = family
        self.limit = max(limit, 0)
        cells = Cells(count: self.limit + 1)
        otherBeginning = TextWriter.beginning(of: family, labels: [Self.other])
        for name in known { _ = place(of: name) }
    }

    /// Adds a time to the series of a name. It is looked up under a lock, which nobody holds for longer than that takes.
    public func add(_ time: Duration, to name: String) { cells.add(Int(time.wholeNanoseconds), at: place(of: name)) }

    /// What a name's series has come to.
    public subscript(name: String) -> Int { cells[place(of: name)] }

    private func place(of name: String) -> Int {
        let key = ByteText(name)
        return names.withLock { names in
            if let place = names.places[key] { return place }
            let place = names.beginnings.count
            guard place < limit, !name.hasBytes(of: Self.other) else { return limit }
            names.places[key] = place
            names.beginnings.append(TextWriter.beginning(of: family, labels: [name]))
            return place
        }
    }

    /// Writes the samples.
    ///
    /// - Parameters:
    ///   - text: is written to
    ///   - shown: the one name that is told, with all others as one; nil for all
    public func write(to text: inout TextWriter, only shown: String? = nil) {
        let beginnings = names.withLock { $0.beginnings }
        if let shown {
            let place = place(of: shown)
            let all = (0...limit).reduce(0) { $0 + cells[$1] }
            text.sample(family, [shown], cells[place])
            text.sample(otherBeginning, all - cells[place], family.unit)
            return
        }
        for (index, beginning) in beginnings.enumerated() { text.sample(beginning, cells[index], family.unit) }
        text.sample(otherBeginning, cells[limit], family.unit)
    }
}
