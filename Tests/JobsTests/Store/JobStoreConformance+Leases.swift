import TestSupport
import Testing

@testable import Jobs

/// What every store makes of claims whose holders are gone.
extension JobStoreConformance {
    @Test(
        "a claim that nobody renews runs out: the job is queued again, and has had an attempt",
        arguments: StoreUnderTest.all)
    func lapse(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(attempts: 2)
        let stranded = try #require(try await store.insertAndClaim())
        clock.advance(by: .seconds(59))
        _ = try await store.expire()
        #expect(try await store.job(stranded.id)?.status == .running)
        clock.advance(by: .seconds(1))
        _ = try await store.expire()
        let queued = try await store.job(stranded.id)
        #expect(queued?.status == .queued && queued?.attempt == 1 && queued?.queuePosition == 1)
        #expect(try await store.claim(limit: 9).map(\.attempt) == [2])
        clock.advance(by: .seconds(60))
        _ = try await store.expire()
        let failed = try await store.job(stranded.id)
        #expect(failed?.status == .failed && failed?.failure?.reason == "out-of-attempts")
    }

    @Test(
        "a suspect whose holder is gone holds the others up no longer than its lease",
        arguments: [StoreUnderTest.sqlite])
    func strandedSuspect(kind: StoreUnderTest) async throws {
        let afterCrash = try #require(kind.afterCrash)
        let (first, clock) = try await kind.open()
        let id = try #require(try await first.insertAndClaim()).id
        let others = [try await first.insert(.sample()).id, try await first.insert(.sample()).id]
        let store = try await afterCrash(first, .init(), clock, SeededRandom(seed: 9))
        #expect(try await store.claim(limit: 9).map(\.id) == [id])
        #expect(try await store.claim(limit: 9).isEmpty)
        for attempt in 3...3 {
            clock.advance(by: .seconds(60))
            _ = try await store.expire()
            #expect(try await store.claim(limit: 9).map(\.attempt) == [attempt])
        }
        clock.advance(by: .seconds(60))
        _ = try await store.expire()
        #expect(try await store.job(id)?.failure?.reason == "out-of-attempts")
        #expect(try await store.claim(limit: 9).map(\.id) == others)
    }

    @Test("a claim that is renewed in time lasts for ever, and is nobody else's", arguments: StoreUnderTest.all)
    func renewed(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim())
        #expect(store.lease == .seconds(60))
        for _ in 0..<100 {
            clock.advance(by: .seconds(59))
            #expect(try await store.renew([claimed.token]) == [Renewal(.held)])
            #expect(try await store.expire() == Expired())
        }
        // Late, and still in time: it is not taken away before somebody looks.
        clock.advance(by: .seconds(600))
        #expect(try await store.renew([claimed.token]) == [Renewal(.held)])
        #expect(try await store.expire() == Expired())
        #expect(try await store.claim(limit: 1).isEmpty)
        #expect(try await store.complete(claimed.token, with: .done)?.attempt == 1)
        #expect(try await store.renew([claimed.token]) == [Renewal(.lost)])
    }

    @Test("renewing tells of a wish to cancel; a claim that runs out then is the end", arguments: StoreUnderTest.all)
    func cancelled(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim())
        _ = try await store.cancel(claimed.id)
        #expect(try await store.renew([claimed.token]) == [Renewal(.cancelRequested)])
        clock.advance(by: .seconds(60))
        #expect(try await store.expire().lapsed.map(\.status) == [.cancelled])
        #expect(try await store.complete(claimed.token, with: .done) == nil)
    }

    @Test("an end that comes after the lease is taken if nobody has the job", arguments: StoreUnderTest.all)
    func lateEnd(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let late = try #require(try await store.insertAndClaim())
        let other = try await store.insert(.sample()).id
        clock.advance(by: .seconds(60))
        #expect(try await store.expire().lapsed.map(\.id) == [late.id])
        #expect(try await store.reportProgress(late.token, partsDone: 1) == .held)
        #expect(try await store.release(late.token, as: .unspent) == nil, "it is in the queue already")
        let ended = try await store.complete(late.token, with: .done)
        #expect(ended?.status == .succeeded && ended?.attempt == 1 && ended?.isRegained == true)
        #expect(try await store.output(late.id) != nil)
        #expect(try await store.complete(late.token, with: .broken) == nil)
        #expect(try await store.claim(limit: 9).map(\.id) == [other])
        #expect(try await store.counts().queued == 0)
    }

    @Test("an end that comes after the lease is dropped if another has had the job", arguments: StoreUnderTest.all)
    func lateEndOfAnothers(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let late = try #require(try await store.insertAndClaim())
        clock.advance(by: .seconds(60))
        _ = try await store.expire()
        let holder = try #require(try await store.claim(limit: 1).first)
        #expect(try await store.complete(late.token, with: .succeeded(.bytes(200_000))) == nil)
        #expect(try await store.renew([late.token, holder.token]) == [Renewal(.lost), Renewal(.held)])
        _ = try await store.release(holder.token, as: .unspent)
        #expect(try await store.complete(late.token, with: .done) == nil, "another has had it since")
        #expect(try await store.renew([late.token]) == [Renewal(.lost)])
        #expect(try await store.job(late.id)?.status == .queued)
    }

    @Test("a holder that renews late has its job back if nobody else has it", arguments: StoreUnderTest.all)
    func regained(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let late = try #require(try await store.insertAndClaim())
        clock.advance(by: .seconds(60))
        _ = try await store.expire()
        let renewal = try #require(try await store.renew([late.token]).first)
        #expect(renewal.standing == .held && renewal.regained?.id == late.id)
        let job = try await store.job(late.id)
        #expect(job?.status == .running && job?.attempt == 1 && job?.startedAt == clock.wall)
        #expect(try await store.claim(limit: 9).isEmpty)
        clock.advance(by: .seconds(59))
        #expect(try await store.expire() == Expired())
        #expect(try await store.renew([late.token]) == [Renewal(.held)])
        #expect(try await store.reportProgress(late.token, partsDone: 1) == .held)
        #expect(try await store.complete(late.token, with: .done)?.isRegained == false)
    }
}
