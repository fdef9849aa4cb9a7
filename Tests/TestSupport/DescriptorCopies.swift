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
        copies = names.compactMap { name in
            let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
            guard let place, let descriptor = CInt(name), "\(place)/".hasPrefix("\(folder)/") else { return nil }
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            return copy >= 0 ? copy : nil
        }
    }

    deinit { for copy in copies { close(copy) } }
}
