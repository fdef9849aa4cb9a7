import Jobs
import Testing

@testable import Scoring

@Suite("What a job that scores says of itself")
struct ScoreSubjectTests {
    private static let subject = ScoreSubject(
        snippets: 777, width: 512, digest: FeatureDigest("ab"), warnings: ["one", "tw\u{301}o"], options: [9, 8])

    @Test("it is read as it was written")
    func coding() throws {
        let read = try #require(ScoreSubject(coded: Self.subject.coded))
        #expect(read.snippets == 777 && read.width == 512 && read.digest.text == "ab" && read.options == [9, 8])
        #expect(read.warnings == Self.subject.warnings)
        let silent = ScoreSubject(snippets: 1, width: 1, digest: FeatureDigest(""), options: [])
        #expect(ScoreSubject(coded: silent.coded)?.warnings == [])
    }

    @Test("nothing else is taken for it")
    func garbage() {
        let bytes = Self.subject.coded
        for count in 0..<bytes.count { #expect(ScoreSubject(coded: Array(bytes.prefix(count))) == nil) }
        #expect(ScoreSubject(coded: bytes + [0]) == nil)
        for place in [0, 8 + 7, 16 + 7, 24, 24 + 7] {
            var other = bytes
            other[place] ^= 0x80
            #expect(ScoreSubject(coded: other) == nil, "byte \(place)")
        }
        #expect(ScoreSubject("other", JobSubject(bytes)) == nil)
        #expect(ScoreSubject("score", JobSubject(bytes))?.snippets == 777)
    }

    @Test("whoever has just made it need not wait for its bytes")
    func fresh() {
        let subject = ScoreSubject(
            snippets: 2, width: 1,
            digest: FeatureDigest {
                Issue.record("nobody asks for it")
                return ""
            }, options: [])
        let new = NewJob.score([1, 2], subject, by: ModelID(name: "m", sha256: nil))
        #expect(ScoreSubject(new.kind, new.subject)?.snippets == 2)
    }

    @Test("features come from a body as they are, or from its bytes")
    func features() {
        let floats = [1, -0.0, .nan] as [Float]
        let body = JobBody(floats)
        for body in [body, JobBody(body.bytes(in: 0..<12))] {
            #expect(body.features(3)?.map(\.bitPattern) == floats.map(\.bitPattern))
            #expect(body.features(2) == nil && body.features(4) == nil)
        }
        #expect(JobBody([UInt8](repeating: 1, count: 7)).features(1) == nil)
    }

    @Test("version 1 is on disks, also as a folder of an older Vigil is brought to it")
    func frozen() throws {
        func number(_ value: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        let expected =
            number(1) + number(2) + number(0) + number(4) + Array("abcd".utf8) + number(7) + Array("one\ntwo".utf8)
            + number(0)
        let subject = try #require(ScoreSubject(coded: expected))
        #expect(subject.snippets == 2 && subject.digest.text == "abcd" && subject.warnings == ["one", "two"])
        #expect(subject.coded == expected)
    }
}
