import Jobs

extension NewJob {
    /// A small job of so many words of four bytes.
    static func sample(
        _ priority: Priority = .normal, of sha256: String? = nil, parts: Int = 1, words: Int = 4,
        subject: [UInt8] = [0xab],
        outputEstimate: Int = 0
    ) -> NewJob {
        NewJob(
            kind: "sample", subject: JobSubject(subject), input: JobBody([Float](repeating: 1, count: words)),
            priority: priority, client: "somebody", model: "tiny", modelSHA256: sha256,
            parts: parts, outputEstimate: outputEstimate)
    }
}

extension JobOutput {
    /// An output of `count` bytes.
    static func bytes(_ count: Int) -> JobOutput { JobOutput(body: [UInt8](repeating: 7, count: count)) }
}

extension JobOutcome {
    static let done = JobOutcome.succeeded(.bytes(10))
    static let broken = JobOutcome.failed(JobFailure(reason: "broken", detail: "It broke."))
}

extension JobStore {
    /// Inserts a job and claims it; the queue must be empty.
    func insertAndClaim(_ new: NewJob = .sample()) async throws -> ClaimedJob? {
        let id = try await insert(new).id
        return try await claim(limit: 1).first { $0.id == id }
    }

    func complete(_ token: ClaimToken, with outcome: JobOutcome) async throws -> Job? {
        try await complete(token, with: outcome, timings: nil)
    }
}

extension JobStore {
    /// Hands in so many jobs at once, each with an input of its own; gives these by the jobs.
    func submitCrowd(_ count: Int) async throws -> [JobID: JobBody] {
        try await withThrowingTaskGroup(of: (JobID, JobBody).self) { group in
            for number in 0..<count {
                var new = NewJob.sample()
                new.input = JobBody([Float(number), 2, 3])
                let submission = Submission(new)
                group.addTask { (try await self.submit(submission).jobs[0].id, submission.jobs[0].input) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }
}
