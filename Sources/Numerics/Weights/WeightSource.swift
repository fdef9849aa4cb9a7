/// Named tensors that weights are prepared from: a checkpoint, a model file, a test's dictionary.
public protocol WeightSource: Sendable {
    /// Shape of a tensor, or nil where there is none of that name.
    func shape(of name: String) -> [Int]?

    /// The tensor's values as float32, row-major, if it has exactly `shape`.
    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float]
}

/// A tensor that is missing, has another shape, or can't be read.
public struct WeightError: Error, Equatable, CustomStringConvertible {
    /// The tensor's name.
    public let name: String
    /// What is wrong with it, a clause.
    public let problem: String

    /// Joins the tensor and its fault.
    public init(name: String, problem: String) {
        self.name = name
        self.problem = problem
    }

    /// One sentence for a person.
    public var description: String { "tensor '\(name)' \(problem)" }
}
