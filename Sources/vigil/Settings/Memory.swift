import CLinux
import Jobs
import Platform

/// How the C library's allocator keeps memory.
enum Memory {
    /// Keeps the blocks of short videos for the next ones, and gives larger ones back to the system when they are freed.
    ///
    /// Left alone, glibc raises the size from which it maps blocks of their own up to 32 MiB; uploads and results of some
    /// MiB then stay in its arenas: measured, 350 MB in place of 90 after 1,400 jobs of 1,000 snippets. But to map the
    /// blocks of every video costs a page fault for each 4 KiB: 300 and 0.7 ms a request of 256 snippets, whose blocks
    /// have 512 KiB. Few arenas, as each one keeps some.
    static func keepSmallBlocks() {
        vigil_keep_memory(1 << 20, 4 << 20, 2)
    }

    /// Bytes of memory that the process may have.
    static var all: Int { ProcessLimits.atStart.memory }

    /// Gives back what bursts of traffic have left in the arenas, a minute at a time, while `isIdle`, until the task is
    /// cancelled. Between small blocks that stay, the allocator would keep it for good.
    static func giveBackAtRest(_ isIdle: @Sendable () -> Bool) async {
        await SystemClock().every(.seconds(60)) {
            if isIdle() { vigil_give_back_memory() }
        }
    }
}
