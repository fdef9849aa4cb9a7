import Jobs
import Platform
import Testing

extension JobStoreConformance {
    private func job(of owner: String?, reuse: String? = nil) -> NewJob {
        var new = NewJob.sample()
        new.owner = owner
        new.reuseKey = reuse
        return new
    }

    @Test(
        "a job keeps its owner and its trace, in the hands of its worker and after its end",
        arguments: StoreUnderTest.all)
    func owners(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var new = job(of: "alice")
        new.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let inserted = try await store.insert(new)
        #expect(inserted.owner == "alice" && inserted.trace == new.trace)
        let claimed = try #require(try await store.claim(limit: 1).first)
        #expect(claimed.owner == "alice" && claimed.trace == new.trace)
        _ = try await store.complete(claimed.token, with: .done)
        let ended = try await store.job(claimed.id)
        #expect(ended?.owner == "alice" && ended?.trace == new.trace)
        let nobodys = try await store.insert(.sample())
        #expect(nobodys.owner == nil && nobodys.trace == nil)
        let next = try #require(try await store.claim(limit: 1).first)
        #expect(next.id == nobodys.id && next.owner == nil && next.trace == nil)
    }

    @Test("an owner's list has that owner's jobs, by their status too, page by page", arguments: StoreUnderTest.all)
    func ownersLists(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var jobs: [Job] = []
        for turn in 0..<12 { jobs.append(try await store.insert(job(of: [nil, "a", "b"][turn % 3]))) }
        for job in jobs[..<6] { _ = try await store.cancel(job.id) }
        func expected(_ isIn: (Job) -> Bool) -> [JobID] { jobs.filter(isIn).map(\.id).reversed() }
        var filter = JobFilter()
        func pages() async throws -> [JobID] {
            var found: [JobID] = []
            while case let page = try await store.list(filter, limit: 3, before: found.last), !page.isEmpty {
                found += page.map(\.id)
            }
            return found
        }
        #expect(try await pages() == expected { _ in true }, "who asks for no owner has all")
        for owner in ["a", "b", "c", ""] {
            filter = JobFilter()
            filter.owner = owner
            #expect(try await pages() == expected { $0.owner == owner })
            for (status, range) in [(JobStatus.cancelled, jobs[..<6]), (.queued, jobs[6...])] {
                filter.status = status
                #expect(
                    try await pages() == expected { job in job.owner == owner && range.contains { $0.id == job.id } })
            }
        }
    }

    @Test(
        "a model's list has the jobs that were accepted for it, by its name, or by the first digits of its SHA-256 too",
        arguments: StoreUnderTest.all)
    func modelsLists(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let models: [(name: String, sha256: String?)] = [
            ("a", "3f2a"), ("a", "3f2b"), ("b", "3f2a"), ("A", "3f"), ("a", nil),
        ]
        var jobs: [Job] = []
        for turn in 0..<15 {
            var new = NewJob.sample()
            (new.model, new.modelSHA256) = models[turn % models.count]
            jobs.append(try await store.insert(new))
        }
        _ = try await store.cancel(jobs[5].id)
        func pages(_ filter: JobFilter) async throws -> [JobID] {
            var found: [JobID] = []
            while case let page = try await store.list(filter, limit: 2, before: found.last), !page.isEmpty {
                found += page.map(\.id)
            }
            return found
        }
        for (name, digits) in [
            ("a", nil), ("a", "3f"), ("a", "3f2b"), ("b", "3f2a"), ("b", "4"), ("a\u{301}", nil), ("c", nil),
            ("a", "3f2b0"),
        ] as [(String, String?)] {
            var filter = JobFilter()
            (filter.model, filter.modelDigits) = (name, digits)
            func isIn(_ job: Job) -> Bool {
                job.model.utf8.elementsEqual(name.utf8)
                    && (digits.map { job.modelSHA256?.hasPrefix($0) == true } ?? true)
            }
            #expect(try await pages(filter) == jobs.filter(isIn).map(\.id).reversed(), "\(name)@\(digits ?? "")")
            filter.status = .cancelled
            #expect(try await pages(filter) == (isIn(jobs[5]) ? [jobs[5].id] : []))
        }
    }

    @Test("one owner's result answers for no other's job, and for none of nobody's", arguments: StoreUnderTest.all)
    func ownersResults(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let first = try await store.insert(job(of: "a", reuse: "same")).id
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.complete(claimed.token, with: .done)
        for other in ["b", "", nil] {
            #expect(try await store.submit(Submission(job(of: other, reuse: "same"))).origin == .new)
        }
        let again = try await store.submit(Submission(job(of: "a", reuse: "same")))
        #expect(again.origin == .reused && again.jobs.map(\.id) == [first])
    }
}
