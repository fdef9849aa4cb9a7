/// The product.
public enum Vigil {
    /// Version of this build.
    public static let version = "0.1.0"
}
