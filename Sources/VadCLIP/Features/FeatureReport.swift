/// What a feature matrix looks like, and where that differs from what the model takes.
public struct FeatureReport: Sendable, Equatable {
    /// Rows T, snippets.
    public var rows: Int
    /// Columns.
    public var width: Int
    /// How the numbers were stored, `float32` for instance.
    public var elementType: String
    /// `C` (row after row) or `Fortran` (column after column).
    public var order: String
    /// Smallest, largest and mean Euclidean length of a row.
    public var smallestNorm: Float
    /// Largest Euclidean length of a row.
    public var largestNorm: Float
    /// Mean Euclidean length of the rows.
    public var meanNorm: Float
    /// Rows equal to the one before them.
    public var repeatedRows: Int
    /// Rows of zeros.
    public var zeroRows: Int
    /// What looks wrong, in plain words.
    public var warnings: [String]
}
