import Foundation
import Platform

/// Copies of this process's descriptors of a folder and of what is in it, as a process has them that was just started and has not
/// executed its program yet; closed with this.
public final class DescriptorCopies {
    private let copies: [CInt]

    /// How many there are.
    public var count: Int { copies.count }

    /// Copies those that are open now.
    public init(in path: String) {
        let folder = CanonicalPath.of(path) ?? path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        // All are looked for before the first is copied, which may get the number that the list itself was read by.
        let descriptors = names.filter { name in
            let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
            return place.map { "\($0)/".hasPrefix("\(folder)/") } ?? false
        }
        copies = descriptors.compactMap { CInt($0) }.map { fcntl($0, F_DUPFD_CLOEXEC, 0) }.filter { $0 >= 0 }
    }

    deinit { for copy in copies { close(copy) } }
}
