import Foundation

/// The machine's processors.
enum Processors {
    /// How many this process may run on.
    static var count: Int { ProcessInfo.processInfo.activeProcessorCount }
}
