import Platform

/// A head that has been read, and who answers it.
struct RoutedHead {
    let head: RequestHead
    let resolution: Router.Resolution
}

/// The last head of a connection, as it came.
///
/// Who asks for the same thing again and again, as probes do and those who poll, sends the same bytes each time. A head's
/// meaning depends on its bytes alone, so that of a head which begins the input byte for byte need not be found out again.
struct KnownHead {
    /// Longer heads are not kept, for the sake of idle connections.
    static let longest = 1024

    private var bytes: [UInt8] = []
    private var meaning: RoutedHead?

    /// What the head at `position` says, which is moved behind it; nil where it is not the known one to its last byte.
    func take(_ input: Span<UInt8>, at position: inout Int) -> RoutedHead? {
        guard let meaning, input.count - position >= bytes.count else { return nil }
        let isSame = input.extracting(position..<position + bytes.count).withUnsafeBufferPointer { came in
            bytes.withUnsafeBufferPointer { known in
                guard let came = came.baseAddress, let known = known.baseAddress else { return false }
                // Sound: both are `bytes.count` long.
                return memcmp(came, known, bytes.count) == 0
            }
        }
        guard isSame else { return nil }
        position += bytes.count
        return meaning
    }

    /// Keeps a head that came in one piece.
    mutating func keep(_ meaning: RoutedHead, of input: Span<UInt8>) {
        guard input.count <= Self.longest else { return }
        bytes.removeAll(keepingCapacity: true)
        input.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        self.meaning = meaning
    }
}
