/// Which traces are recorded.
public enum Sampler: Sendable, Equatable {
    /// All.
    case always
    /// None.
    case never
    /// Those whose name is in this part of all names, so that services with the same ratio agree.
    case ratio(Double)
    /// As whoever hands a trace on has decided; those that begin here by another rule.
    indirect case parentBased(Sampler)

    /// Whether a trace is recorded.
    ///
    /// - Parameters:
    ///   - trace: its name
    ///   - parent: where the trace comes from; nil where it begins here
    public func samples(_ trace: TraceID, from parent: TraceContext?) -> Bool {
        switch self {
        case .always: true
        case .never: false
        case .ratio(let ratio): ratio >= 1 || Double(trace.low >> 1) < ratio * 0x1p63
        case .parentBased(let root): parent.map(\.isSampled) ?? root.samples(trace, from: nil)
        }
    }
}
