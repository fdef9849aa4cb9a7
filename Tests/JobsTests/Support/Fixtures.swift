import Jobs

extension NewJob {
    /// A small job of one row of `width` features.
    static func sample(
        _ priority: Priority = .normal, of sha256: String? = nil, parts: Int = 1, width: Int = 4, options: [UInt8] = [],
        outputEstimate: Int = 0
    ) -> NewJob {
        NewJob(
            input: JobInput(
                features: [Float](repeating: 1, count: width), rows: 1, width: width, options: options),
            priority: priority, client: "somebody", model: "tiny", modelSHA256: sha256,
            featuresSHA256: FeatureDigest("ab"), warnings: ["odd"],
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
