extension MemoryJobStore {
    /// What was put beside a job.
    public func remarks(_ id: JobID) async throws(JobStoreError) -> JobRemarks? {
        step { state, _, _ in state.registry.remarks[id] }
    }

    /// Puts bytes beside a job that has ended. All of them together take an eighth of what results may.
    public func remark(
        _ id: JobID, _ bytes: [UInt8], over revision: Int
    ) async throws(JobStoreError) -> RemarkOutcome {
        let most = remarkBudgetBytes
        let result = step { state, _, _ in
            Result { () throws(JobStoreError) in
                guard state.table.job(id)?.status.isEnded == true else { return RemarkOutcome.unknown }
                let former = state.registry.remarks[id]
                guard former?.revision ?? 0 == revision else { return .changed(former) }
                let held = state.registry.remarks.bytes - (former?.bytes.count ?? 0)
                guard bytes.count <= most - held else {
                    throw .full(neededBytes: bytes.count, heldBytes: held, limitBytes: most)
                }
                let new = JobRemarks(bytes, revision: revision + 1)
                state.registry.remarks.put(new, beside: id)
                return .kept(new)
            }
        }
        return try result.get()
    }
}
