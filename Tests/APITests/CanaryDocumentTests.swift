import JSON
import Testing

@testable import API
@testable import Scoring

@Suite("What is told of a canary that fails")
struct CanaryDocumentTests {
    private func reason(_ fault: CanaryStanding.Fault?, isDetailed: Bool) throws -> String? {
        var standing = ModelStanding(
            name: "m", state: .ready, isDefault: true, reason: nil, version: nil, waitingJobs: nil)
        standing.canary = CanaryStanding(
            state: .failed, share: 1, sha256: "aa", fault: fault, tally: CanaryTally())
        let document = try JSONReader.parse(ModelDocument(standing: standing, isDetailed: isDetailed).json)
        guard case .object(let members) = document,
            case .object(let canary)? = members.first(where: { $0.name == "canary" })?.value,
            case .string(let text)? = canary.first(where: { $0.name == "reason" })?.value
        else { return nil }
        return text
    }

    @Test("those who may not see paths are told whether its file is at fault or what it makes of jobs")
    func told() throws {
        let (file, jobs) = (CanaryStanding.Fault.file("/c is torn"), CanaryStanding.Fault.jobs("32 wide"))
        #expect(try reason(file, isDetailed: true) == "/c is torn")
        #expect(try reason(jobs, isDetailed: true) == "32 wide")
        #expect(try reason(file, isDetailed: false) == "its file can't be used; the server's log says why")
        #expect(
            try reason(jobs, isDetailed: false) == "it can't score jobs of this model; the server's log says why")
        #expect(try reason(nil, isDetailed: false) == nil)
    }
}
