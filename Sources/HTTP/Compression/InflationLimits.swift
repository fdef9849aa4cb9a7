/// How far a compressed body may grow.
public struct InflationLimits: Sendable {
    /// Bytes of the inflated body.
    public var maxBytes: Int
    /// How many times its compressed size a body may have, once it has passed `ratioAppliesFrom`. Feature files have
    /// less than 10, zeros have 1,030.
    public var maxRatio = 200
    /// Bytes up to which the ratio does not matter.
    public var ratioAppliesFrom = 1 << 20

    /// The defaults, with a size.
    public init(maxBytes: Int) {
        self.maxBytes = maxBytes
    }
}
