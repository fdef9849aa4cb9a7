/// Threads that share out the tasks of one piece of work after another.
///
/// What a task computes must not depend on the thread that does it, and no two tasks of a piece write the same memory:
/// then results are the same bits for any number of threads.
public final class TaskCrew {
    /// Threads, the caller's among them.
    public let threads: Int
    private let board = Monitor(Board())

    /// A piece of work and how far it is.
    private struct Board: Sendable {
        var work: Work?
        var tasks = 0
        var next = 0
        var unfinished = 0
        var isOver = false

        /// The next task of the piece, if one is left.
        mutating func take() -> (work: Work, task: Int)? {
            guard let work, next < tasks else { return nil }
            next += 1
            return (work, next - 1)
        }
    }

    /// What is done for each task.
    ///
    /// Sound as `@unchecked Sendable`: `run` returns only when every task is done, so that nothing the closure refers to
    /// is used by the caller meanwhile, and tasks write memory of their own, which is the duty of whoever calls `run`.
    private final class Work: @unchecked Sendable {
        let body: (Int, Int) -> Void

        init(_ body: @escaping (Int, Int) -> Void) { self.body = body }
    }

    /// Starts the threads beside the caller's; where the system gives fewer, they do as well.
    public init(threads: Int, name: String) {
        self.threads = max(1, threads)
        for thread in 1..<self.threads {
            _ = OwnThread.run(name: name, stackBytes: 1 << 20) { [board] in Self.help(board, thread) }
        }
    }

    deinit {
        board.withLock { $0.isOver = true }
        board.wakeAll()
    }

    /// Calls `body` with each of `tasks` and the thread that does it, from 0 on, and returns when all are done.
    public func run(_ tasks: Int, _ body: @escaping (_ task: Int, _ thread: Int) -> Void) {
        guard tasks > 1, threads > 1 else {
            for task in 0..<tasks { body(task, 0) }
            return
        }
        board.withLock {
            $0.work = Work(body)
            ($0.tasks, $0.next, $0.unfinished) = (tasks, 0, tasks)
        }
        board.wakeAll()
        while let (work, task) = board.withLock({ $0.take() }) {
            work.body(task, 0)
            board.withLock { $0.unfinished -= 1 }
        }
        _ = board.wait { $0.unfinished == 0 ? true : nil }
        board.withLock { $0.work = nil }
    }

    /// A thread's life.
    private static func help(_ board: Monitor<Board>, _ thread: Int) {
        while let (work, task) = board.wait(for: { $0.isOver ? .some(nil) : $0.take().map { .some($0) } }) {
            work.body(task, thread)
            let isLast = board.withLock {
                $0.unfinished -= 1
                return $0.unfinished == 0
            }
            if isLast { board.wakeAll() }
        }
    }
}
