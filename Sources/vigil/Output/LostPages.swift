import Platform

/// What becomes of a command whose mapped file someone shortens: the system has no bytes to give, and ends the process.
enum LostPages {
    /// Has that said before it ends, by a line and the exit code of what can't be read.
    static func tell() {
        var action = sigaction()
        action.sa_flags = SA_SIGINFO
        action.__sigaction_handler.sa_sigaction = { _, _, _ in
            // Here nothing may be called but what is safe in a signal's handler, and nothing allocated.
            let line: StaticString = """
                vigil: a file became shorter while it was read, or its disk can't give or take its bytes: put other files in \
                the place of those in use by renaming\n
                """
            _ = Descriptor(STDERR_FILENO).write(
                UnsafeRawBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount))
            _exit(Failure.Code.noInput.rawValue)
        }
        sigaction(SIGBUS, &action, nil)
    }
}
