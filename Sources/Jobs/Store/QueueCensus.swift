import Platform

/// What a store holds, as it keeps count of it: nothing is looked through to tell it, however many jobs there are.
public struct QueueCensus: Sendable, Equatable {
    /// The queued jobs of one priority and one model.
    public struct Line: Sendable, Equatable {
        /// Their priority.
        public let priority: Priority
        /// Their model's name.
        public let model: String
        /// How many they are.
        public let jobs: Int
        /// The bytes of their inputs.
        public let bytes: Int
        /// How long the oldest of them has been there.
        public let oldestWait: Duration

        /// So many jobs; none, to begin with.
        public init(
            priority: Priority, model: String, jobs: Int = 0, bytes: Int = 0, oldestWait: Duration = .zero
        ) {
            self.priority = priority
            self.model = model
            self.jobs = jobs
            self.bytes = bytes
            self.oldestWait = oldestWait
        }
    }

    /// The queued jobs, where there are any.
    public var lines: [Line] = []
    /// How many jobs of each status there are; ended ones are those that are still kept.
    public var jobs: [JobStatus: Int] = [:]
    /// How many of the queued jobs ran when a process ended, and are to be tried.
    public var suspects = 0

    /// Nothing.
    public init() {}
}

/// What a store has of its disk.
public struct StoreRoom: Sendable, Equatable {
    /// The bytes of its database.
    public let databaseBytes: Int
    /// The bytes that were committed and are not in the database yet.
    public let logBytes: Int
    /// The bytes that are free.
    public let freeBytes: Int

    /// So many bytes.
    package init(databaseBytes: Int, logBytes: Int, freeBytes: Int) {
        self.databaseBytes = databaseBytes
        self.logBytes = logBytes
        self.freeBytes = freeBytes
    }
}

/// The queued jobs by priority and model, counted as they come and go.
struct QueueBooks: Sendable {
    private struct Key: Hashable, Sendable {
        let priority: Priority
        let model: ByteText
    }

    private struct Line: Sendable {
        var bytes = 0
        /// When each of them was inserted, the first first.
        var arrivals = SortedDeque<JobTable.Moment>()
    }

    private var lines: [Key: Line] = [:]

    mutating func add(_ record: JobRecord) {
        change(record) { line, moment in
            line.bytes += record.job.inputBytes
            line.arrivals.insert(moment)
        }
    }

    mutating func remove(_ record: JobRecord) {
        change(record) { line, moment in
            line.bytes -= record.job.inputBytes
            line.arrivals.remove(moment)
        }
    }

    private mutating func change(_ record: JobRecord, _ body: (inout Line, JobTable.Moment) -> Void) {
        func isEmptied(_ line: inout Line) -> Bool {
            body(&line, JobTable.Moment(at: record.insertedAt, id: record.job.id))
            return line.arrivals.isEmpty
        }
        let key = Key(priority: record.job.priority, model: ByteText(record.job.model))
        // In its place, which is looked for once.
        if isEmptied(&lines[key, default: Line()]) { lines[key] = nil }
    }

    /// As they are shown, by model and priority.
    func census(now: MonotonicTime) -> [QueueCensus.Line] {
        lines.map { key, line in
            QueueCensus.Line(
                priority: key.priority, model: key.model.text, jobs: line.arrivals.count, bytes: line.bytes,
                oldestWait: line.arrivals.first.map { max(now - $0.at, .zero) } ?? .zero)
        }.sorted { ($0.model, $0.priority) < ($1.model, $1.priority) }
    }
}

extension JobTable {
    /// What the table holds, without a look at each job.
    package func census(now: MonotonicTime) -> QueueCensus {
        var census = QueueCensus()
        census.lines = books.census(now: now)
        for status in JobStatus.allCases { census.jobs[status] = counts(status) }
        census.suspects = suspects
        return census
    }
}
