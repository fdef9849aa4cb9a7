import Jobs
import Platform

/// A parameter that came with a request, or an option of a command.
public struct Parameter: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Its value as it came.
    public let value: GivenValue

    /// A parameter of this name and value.
    public init(_ name: String, _ value: GivenValue) {
        self.name = name
        self.value = value
    }
}

/// A parameter that can't be taken.
public struct OptionError: Error, Equatable, CustomStringConvertible {
    /// The parameter's name.
    public let name: String
    /// What it was and what was expected.
    public let problem: String
    /// One sentence for a person.
    public var description: String { "\(name): \(problem)" }

    /// An error of the parameter of this name.
    package init(name: String, problem: String) {
        self.name = name
        self.problem = problem
    }
}

/// Parameters by name: those that are known, each at most once unless said otherwise; what is empty counts as not given.
package struct Parameters {
    private var values: [ByteText: GivenValue] = [:]
    /// The values of those that can be given several times, in their order.
    private var lists: [ByteText: [GivenValue]] = [:]

    /// Throws for a name that is not among `names`, and for one that is given twice, in whichever places.
    ///
    /// - Parameters:
    ///   - repeated: names of which each may be given several times
    ///   - elsewhere: what to say of a name that is none because it is asked for otherwise
    package init(
        _ parameters: some Sequence<Parameter>, among names: [String], repeated: [String] = [],
        elsewhere: (Parameter) -> String? = { _ in nil }
    ) throws(OptionError) {
        for parameter in parameters {
            guard names.contains(parameter.name) else {
                if let advice = elsewhere(parameter) {
                    throw OptionError(name: parameter.name, problem: "no such parameter: \(advice)")
                }
                throw .unknown(parameter.name, among: names)
            }
            guard parameter.value.isGiven else { continue }
            if repeated.contains(parameter.name) {
                if parameter.value != .bare { lists[ByteText(parameter.name), default: []].append(parameter.value) }
                continue
            }
            guard values.updateValue(parameter.value, forKey: ByteText(parameter.name)) == nil else {
                throw OptionError(name: parameter.name, problem: "given twice: expected once")
            }
        }
    }

    /// Whether none is given that can be given once.
    package var isEmpty: Bool { values.isEmpty }

    /// The value of this name, to be read; nil where it is not given.
    package subscript(name: String) -> ParameterReader? {
        guard let value = values[name], value != .bare else { return nil }
        return ParameterReader(name: name, value: value)
    }

    /// The values of a name that can be given several times.
    package func all(_ name: String) -> [ParameterReader] {
        (lists[ByteText(name)] ?? []).map { ParameterReader(name: name, value: $0) }
    }

    /// Whether a flag is on; nil where it is not given.
    package func flag(_ name: String) throws(OptionError) -> Bool? {
        if values[name] == .bare { return true }
        return try self[name]?.flag()
    }
}

extension OptionError {
    /// One that is given in a request and in what is uploaded by it, or by a command and in its file; nil where there is none.
    package static func twice(_ given: [Parameter], _ uploaded: [Parameter]) -> OptionError? {
        let names = Set(given.filter { $0.value.isGiven }.map { ByteText($0.name) })
        let twice = uploaded.first {
            $0.value.isGiven && !$0.name.hasBytes(of: "model") && names.contains(ByteText($0.name))
        }
        return twice.map {
            OptionError(
                name: $0.name,
                problem:
                    "given twice, by the request and by what is uploaded, a field of its form or beside the features: "
                    + "expected once")
        }
    }

    /// There is no parameter of this name.
    static func unknown(_ name: String, among names: [String]) -> OptionError {
        let guess = Spelling.nearest(to: name, among: names).map { "did you mean \($0)? " } ?? ""
        let expected = names.isEmpty ? "none is taken here" : "\(guess)expected \(names.joined(separator: ", "))"
        return OptionError(name: String(name.prefix(60)), problem: "no such parameter: \(expected)")
    }
}

/// Reads one parameter's value as `GivenValue` says.
package struct ParameterReader {
    let name: String
    let value: GivenValue

    /// An error that shows the value.
    package func error(_ problem: String) -> OptionError {
        OptionError(name: name, problem: "\(value.shown) \(problem)")
    }

    /// A text.
    package func text() throws(OptionError) -> String {
        guard let text = value.text else { throw error("is no text") }
        return text
    }

    /// Yes or no.
    package func flag() throws(OptionError) -> Bool {
        guard let flag = value.text.flatMap({ GivenValue.flag($0) }) else {
            throw error("is neither: expected true or false")
        }
        return flag
    }

    /// Why the text is no number that can be told.
    private func fault(_ usual: String) -> String { value.text.flatMap { GivenValue.rangeFault($0) } ?? usual }

    /// A number in this range.
    package func number(in range: ClosedRange<Double>) throws(OptionError) -> Double {
        let expected = "expected a number from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        guard let number = value.text.flatMap({ GivenValue.number($0) }) else {
            throw error("\(fault("is no number")): \(expected)")
        }
        guard range.contains(number) else { throw error("is out of range: \(expected)") }
        return number
    }

    /// As a float, which may be 0 only where the number is.
    package func float(in range: ClosedRange<Double>) throws(OptionError) -> Float {
        let number = try number(in: range)
        let float = Float(number)
        guard float != 0 || number == 0 else { throw error("is too close to 0 to be told from it") }
        return float
    }

    /// A whole number in this range.
    package func whole(in range: ClosedRange<Int>) throws(OptionError) -> Int {
        let expected = "expected a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let text = value.text, let any = GivenValue.number(text), any == any.rounded() else {
            throw error("\(fault("is no whole number")): \(expected)")
        }
        guard let number = GivenValue.whole(text) else {
            // What no whole number of the machine holds is beyond every range; else a double has rounded it.
            let isBeyond = any < Double(range.lowerBound) || any > Double(range.upperBound)
            throw error("\(isBeyond ? "is out of range" : "is not written as a whole number"): \(expected)")
        }
        guard range.contains(number) else { throw error("is out of range: \(expected)") }
        return number
    }

    /// A limit without zeros behind the point.
    private static func text(_ limit: Double) -> String { Int(exactly: limit).map { "\($0)" } ?? "\(limit)" }

    /// A time of day. A plus sign that was not encoded has become a blank in a query.
    package func time() throws(OptionError) -> WallTime {
        let text = try text()
        let repaired = String(decoding: text.utf8.map { $0 == ASCII.space ? ASCII.plus : $0 }, as: UTF8.self)
        guard let time = WallTime(text) ?? WallTime(repaired) else {
            throw error("is no time: expected one such as 2026-01-01T12:00:00Z")
        }
        return time
    }

    /// One of some words.
    package func word<Word>(among words: [(String, Word)]) throws(OptionError) -> Word {
        let text = value.text.map(\.asciiLowercase)
        guard let found = words.first(where: { $0.0 == text }) else {
            let names = words.map(\.0)
            throw error("is none: expected \(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")")
        }
        return found.1
    }

    /// Texts: a JSON list's, else those between commas.
    package func list() throws(OptionError) -> [String] {
        if case .json(.object) = value { throw error("is no text") }
        guard let entries = value.entries else { throw error("has something else in it than texts") }
        return entries
    }
}
