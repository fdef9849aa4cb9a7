import Jobs
import Testing

@testable import SQLiteStore

@Suite("What is put beside jobs, on disk")
struct RemarkRuleTests {
    @Test("all of it together has a bound, which what is replaced or goes with its job does not count in")
    func bound() async throws {
        let home = try Home()
        let room = 10_000 + 2 * RemarkRows.overhead
        let store = try home.open { $0.remarkBytes = room }
        let (id, other) = (try await store.finish(), try await store.finish())
        func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 1, count: count) }
        _ = try await store.remark(id, bytes(9_000), over: 0)
        _ = try await store.remark(other, bytes(1_000), over: 0)
        let held = 10_000 + 2 * RemarkRows.overhead
        await #expect(
            throws: JobStoreError.full(neededBytes: 1 + RemarkRows.overhead, heldBytes: held, limitBytes: room)
        ) { try await store.remark(other, bytes(1), over: 1) }
        #expect(try await store.remarks(other)?.bytes.count == 1_000, "what is refused changes nothing")
        #expect(try await store.forget(id))
        _ = try await store.remark(other, bytes(2_000), over: 1)
        _ = store.close()
        // What another process has counted is there for this one too.
        let again = try home.open { $0.remarkBytes = 2_000 + 2 * RemarkRows.overhead }
        await #expect(throws: JobStoreError.self) { try await again.remark(other, bytes(2_000), over: 2) }
        _ = try await again.remark(other, [], over: 2)
        _ = try await again.remark(other, bytes(2_000 - RemarkRows.overhead), over: 3)
    }
}
