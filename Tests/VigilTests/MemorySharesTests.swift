import Jobs
import Platform
import Scoring
import TestSupport
import Testing

@testable import vigil

@Suite("The memory that the process may use, shared out")
struct MemorySharesTests {
    private static let mebi = 1 << 20

    private func shares(limit: Int, resident: Int?) throws -> MemoryShares {
        MemoryShares(
            ProcessLimits(
                online: 1, affinity: 1, groups: ControlGroups(root: "/nowhere/at/all"), addressSpace: limit * Self.mebi,
                installed: 1 << 50),
            resident: resident.map { $0 * Self.mebi })
    }

    @Test("uploads, results and answers leave some of what the models have left")
    func parts() throws {
        let shares = try shares(limit: 1_024, resident: 224)
        #expect(shares.uploads == 400 * Self.mebi)
        #expect(shares.results == 200 * Self.mebi)
        #expect(shares.answers == 100 * Self.mebi)
        #expect(shares.canary == 50 * Self.mebi)
        #expect(try self.shares(limit: 8_192, resident: 224).canary == 64 * Self.mebi, "more is of no use to it")
    }

    @Test(
        "a limit of next to nothing leaves room for short videos",
        arguments: [(1, 500), (64, 63), (64, nil), (100, 100)])
    func least(limit: Int, resident: Int?) throws {
        let shares = try shares(limit: limit, resident: resident)
        #expect(shares.uploads >= 4 * Self.mebi && shares.results > 0 && shares.answers > 0)
    }

    @Test("a setting counts as far as there is room, and where it was set and counts for less the log warns")
    func settings() throws {
        let shares = try shares(limit: 1_024, resident: 224)
        let notes = Notes()
        func bytes(_ options: [String: [String]]) throws -> Int {
            let settings = try Settings(.serve, options: options, environment: [:])
            return try shares.bytes(of: "max-queued-memory", atMost: shares.uploads, settings, notes.logger())
        }
        #expect(try bytes(["max-queued-memory": ["300"]]) == 300 * Self.mebi)
        #expect(try bytes([:]) == 400 * Self.mebi)
        #expect(notes.all.isEmpty)
        #expect(try bytes(["max-queued-memory": ["500"]]) == 400 * Self.mebi)
        #expect(notes.all.count == 1)
        #expect(notes.all.last?.contains("warning") == true && notes.all.last?.contains("RLIMIT_AS") == true)
    }

    @Test("a body is no larger than all uploads together may be where the memory bounds them, and only there")
    func bodies() throws {
        var service = ScoringService.Settings()
        try shares(limit: 1_024, resident: 224).apply(to: &service, Backlog.Limits(maxBytes: 300 * Self.mebi))
        #expect(service.maxBodyBytes == 128 * Self.mebi && service.boundingMemoryBytes == nil)
        let small = try shares(limit: 200, resident: 100)
        small.apply(to: &service, Backlog.Limits(maxBytes: small.uploads))
        #expect(service.maxBodyBytes == 50 * Self.mebi && service.boundingMemoryBytes == 200 * Self.mebi)
        #expect(service.answerBytes == small.answers)
    }
}
