import Tensors

/// What makes features of squares: CLIP's image tower, or what a test has in its place.
public protocol FrameEncoder: Sendable {
    /// Memory that one thread computes in.
    associatedtype Scratch

    /// Pixels on a side of a square.
    var resolution: Int { get }
    /// Numbers of a feature.
    var outputWidth: Int { get }

    /// Memory for so many squares at once, made by the thread that uses it.
    func scratch(images: Int) -> Scratch

    /// The features of squares, a row each; those of a square are the same alone and among others.
    ///
    /// - Parameters:
    ///   - images: resolution × resolution × 3 bytes each, R G B by rows
    ///   - scratch: memory that a thread has for itself
    func encode(_ images: [[UInt8]], with scratch: Scratch) -> Matrix
}
