import Platform

extension JobTable {
    /// Checks that every index says what the records say; a debug build stops where it does not.
    package func checkInvariants() {
        #if DEBUG
            let jobs = records.values.map(\.job)
            precondition(Array(ids.elements) == records.keys.sorted())
            for status in JobStatus.allCases {
                let expected = jobs.filter { $0.status == status }.map(\.id).sorted()
                precondition(idsByStatus[status].map { Array($0.elements) } == expected, "index of \(status)")
            }
            let owned = Dictionary(grouping: jobs.filter { $0.owner != nil }) { ByteText($0.owner ?? "") }
            precondition(idsByOwner.mapValues { Array($0.elements) } == owned.mapValues { $0.map(\.id).sorted() })
            let ofModels = Dictionary(grouping: jobs) { ByteText($0.model) }
            precondition(idsByModel.mapValues { Array($0.elements) } == ofModels.mapValues { $0.map(\.id).sorted() })
            checkQueue()
            checkRecords()
            checkBytes()
        #endif
    }

    #if DEBUG
        private func checkQueue() {
            let all = records.values.filter { $0.job.status == .queued }
            let queued = all.filter { served.models.serves($0.job) }
            let others = all.filter { !served.models.serves($0.job) }
            precondition(
                waiting == Dictionary(grouping: others, by: \.job.modelID).mapValues { Set($0.map(\.job.id)) },
                "jobs of models that are not served wait beside the queue")
            precondition(waitingParts == others.reduce(0) { $0 + $1.job.parts })
            let order = ready.queues.flatMap(\.order)
            precondition(order.sorted() == queued.map(\.job.id).sorted(), "the queue has the jobs to claim")
            for queue in ready.queues {
                precondition(queue.order.first == queue.first, "the first in the order is the next to be claimed")
            }
            precondition(ready.suspects == queued.count(where: \.isSuspect), "suspects have queues of their own")
            precondition(ready.count == queued.count)
            precondition(ready.parts == queued.reduce(0) { $0 + $1.job.parts })
            precondition(queuedBytes == all.reduce(0) { $0 + $1.job.inputBytes })
            let zero = MonotonicTime(nanoseconds: 0)
            var books = QueueBooks()
            for record in all { books.add(record) }
            var open = OpenBooks()
            for record in records.values { open.add(record.job) }
            precondition(self.open == open, "the jobs that have not ended are counted by model")
            precondition(self.books.census(now: zero) == books.census(now: zero), "the books have the queued jobs")
            let late = all.compactMap { record in record.overdueAt.map { Moment(at: $0, id: record.job.id) } }
            precondition(Array(deadlines.elements) == late.sorted())
        }

        private func checkRecords() {
            let suspects = records.values.filter { $0.job.status == .running && $0.isSuspect }
            precondition(tried == Set(suspects.filter { !$0.hasGoneOn }.map(\.job.id)), "suspects are tried")
            precondition(goneOn == Set(suspects.filter(\.hasGoneOn).map(\.job.id)), "or have gone on")
            for record in records.values {
                let status = record.job.status
                precondition((record.holder != nil) == (status == .running), "a running job has one holder")
                precondition(record.leaseEnd == nil || status == .running, "a lease is a claim's")
                precondition(record.leaseEnd.map { firstLapse <= $0 } ?? true, "no claim runs out unseen")
                precondition(
                    record.lapsed == nil || status == .queued, "who ends or claims a job makes it nobody else's")
                precondition(record.input == nil || !status.isEnded, "an input is dropped at the end")
                precondition((record.endedAt != nil) == status.isEnded)
                precondition((record.output != nil) == (status == .succeeded))
                precondition((record.job.failure != nil) == (status == .failed))
                precondition(!record.isCancelRequested || status == .running || status == .cancelled)
                precondition(fetched.contains(record.job.id) == record.isFetched)
            }
        }

        private func checkBytes() {
            let ended = records.values.filter { $0.job.status.isEnded }
            precondition(endings.count == ended.count)
            precondition(endedBytes == ended.reduce(0) { $0 + $1.endedBytes })
            let pinned = ended.filter { $0.output != nil && !$0.isFetched }
            precondition(pinnedBytes == pinned.reduce(0) { $0 + $1.endedBytes })
            precondition(promisedBytes == records.values.reduce(0) { $0 + $1.promisedBytes })
        }
    #endif
}
