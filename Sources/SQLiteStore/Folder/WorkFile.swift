import Jobs
import Platform

/// A file in memory that outlasts the process, however that ends: what each worker is at.
///
/// The kernel has its pages, so that a killed process has written all that it wrote; a machine that goes down has not, and
/// then the file is no longer believed: it has the name of the machine's boot. Without a file, or one that can't be
/// believed, each job that was running may be what ended the process.
///
/// `@unchecked Sendable`: a worker writes to a slot of its own alone, nobody reads the slots while it runs, and the mapping
/// lives as long as this object.
final class WorkFile: WorkLog, @unchecked Sendable {
    private static let headBytes = 64
    /// A byte that says whether there is a job, and at 16 the job's sixteen bytes.
    private static let slotBytes = 32
    private static let mostWorkers = 4_096

    private let base: UnsafeMutableRawPointer
    private let bytes: Int
    private let workers: Int

    /// The slot of whoever reads the inputs of jobs, after those of the workers.
    var loader: Int { workers - 1 }

    /// Makes the file anew; nil where that can't be done.
    init?(path: String, workers: Int) {
        guard (1...Self.mostWorkers).contains(workers), let boot = Self.boot else { return nil }
        self.workers = workers + 1
        bytes = Self.headBytes + (workers + 1) * Self.slotBytes
        unlink(path)
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { return nil }
        defer { close(file) }
        // All of it is reserved, since writing to a page for which the disk has no room would end the process.
        guard posix_fallocate(file, 0, off_t(bytes)) == 0,
            let mapped = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), mapped != MAP_FAILED
        else {
            unlink(path)
            return nil
        }
        base = mapped
        // Sound: the boot's name is shorter than the head, which is inside the mapping.
        UnsafeMutableRawBufferPointer(start: base, count: Self.headBytes).copyBytes(from: boot.prefix(Self.headBytes))
    }

    deinit { munmap(base, bytes) }

    func begin(_ job: JobID, worker: Int) {
        guard let slot = slot(worker) else { return }
        // Sound: a slot has room for the flag and, at 16, for the job's sixteen bytes.
        UnsafeMutableRawBufferPointer(start: slot + 16, count: 16).copyBytes(from: job.bytes)
        slot.storeBytes(of: 1, as: UInt8.self)
    }

    func end(worker: Int) { slot(worker)?.storeBytes(of: 0, as: UInt8.self) }

    private func slot(_ worker: Int) -> UnsafeMutableRawPointer? {
        (0..<workers).contains(worker) ? base + Self.headBytes + worker * Self.slotBytes : nil
    }

    /// The jobs that an earlier process's workers were at when it ended; nil where that is not known.
    static func jobs(at path: String) -> Set<JobID>? {
        let most = headBytes + (mostWorkers + 1) * slotBytes
        guard let boot, let found = try? OpenFile(path: path).prefix(most), found.count >= headBytes else { return nil }
        return found.withUnsafeBytes { bytes in
            guard bytes.prefix(boot.count).elementsEqual(boot) else { return nil }
            var jobs: Set<JobID> = []
            for start in stride(from: headBytes, through: bytes.count - slotBytes, by: slotBytes)
            where bytes[start] != 0 {
                if let job = JobID(bytes: Array(bytes[start + 16..<start + 32])) { jobs.insert(job) }
            }
            return jobs
        }
    }

    /// The name of this boot of the machine.
    static var boot: [UInt8]? {
        let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 36)
        guard read(file, &bytes, bytes.count) == bytes.count else { return nil }
        return bytes
    }
}
