import ArgumentParser
import Scoring

/// A number of the command line, read as all values are: its text is there for messages.
struct GivenNumber: ExpressibleByArgument {
    private let text: String

    init(argument: String) { text = argument }

    init(_ number: Double) { text = "\(number)" }

    var defaultValueDescription: String { text }

    /// The number; throws where the text is none, or none in the range.
    func value(of option: String, in range: ClosedRange<Double>) throws(Failure) -> Double {
        if let number = GivenValue.number(text), range.contains(number) { return number }
        let reason = GivenValue.rangeFault(text).map { "it \($0); " } ?? ""
        let expected = "expected \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        throw Failure(.usage, "\(option) \(text): \(reason)\(expected)")
    }

    private static func text(_ limit: Double) -> String { Int(exactly: limit).map { "\($0)" } ?? "\(limit)" }
}
