// The C library, whichever it is. Whoever calls the system imports this room and never the library itself.
#if canImport(Glibc)
    @_exported import Glibc
#elseif canImport(Musl)
    @_exported import Musl
#endif

/// The system's words for an error code.
public func errnoText(_ code: CInt) -> String {
    guard let text = strerror(code) else { return "error \(code)" }
    return String(cString: text)
}

/// A file descriptor as the system counts them, for types whose own `write` or `close` hides the library's. Whoever made
/// the descriptor closes it.
public struct Descriptor: Sendable {
    /// The system's number.
    public let number: CInt

    /// The descriptor of this number.
    public init(_ number: CInt) { self.number = number }

    /// write(2): how many of the bytes were taken, or -1 with the reason in errno.
    public func write(_ bytes: UnsafeRawBufferPointer) -> Int { systemWrite(number, bytes.baseAddress, bytes.count) }
}

/// By its own name, out of the reach of methods that are called the same.
private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

extension MonotonicTime {
    /// As the calls of the system take it.
    package var systemTime: timespec {
        timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }
}
