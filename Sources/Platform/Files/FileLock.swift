/// Gives up the lock that `flock` has put on a file, and closes it.
///
/// A lock is the opening's, not the descriptor's: a process that is just being started has its copy of each descriptor until it
/// executes its program, and would keep the lock of one that was only closed for that long.
///
/// - Parameter descriptor: an open file; one that was not opened, -1, is let be
public func closeLocked(_ descriptor: CInt) {
    guard descriptor >= 0 else { return }
    flock(descriptor, LOCK_UN)
    close(descriptor)
}
