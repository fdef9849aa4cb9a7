import Foundation
import Testing
import VadCLIP

@testable import Scoring

@Suite("Two models' scores of the same features, compared")
struct ScoreComparisonTests {
    /// A result with these coarse logits; of the two classes the second is the likelier.
    private func video(_ coarse: [Float], fine: [Float]? = nil, labels: [String] = ["normal", "fire"]) -> ScoredVideo {
        ScoredVideo(
            ScoreResult(
                model: "m", modelSHA256: "a", trained: true, labels: labels,
                logits: Logits(
                    snippets: coarse.count, classes: 2, coarse: coarse,
                    fine: fine ?? coarse.flatMap { _ in [0, 1] }), featuresSHA256: "b", kernels: "k",
                options: ScoreOptions(), queuedMilliseconds: 0, scoredMilliseconds: 0))
    }

    @Test("the same scores differ by nothing")
    func same() {
        let comparison = ScoreComparison(video([-9, 9, 9]), video([-9, 9, 9]))
        #expect(comparison.coarse == [0, 0, 0] && comparison.lost == [] && comparison.gained == [])
        #expect(comparison.coarseDifference.largest == 0 && comparison.coarseDifference.mean == 0)
        #expect(comparison.fineDifference?.largest == 0)
    }

    @Test("differences are the second's score less the first's, the largest with its sign and first snippet")
    func differences() {
        let comparison = ScoreComparison(
            video([0, 0, 0, 0], fine: [0, 0, 0, 0, 0, 0, 0, 0]),
            video([0, -1, -1, 0.5], fine: [0, 0, 0, 0, 2, 0, 0, 0]))
        let sigmoid = { (x: Float) in 1 / (1 + Float(exp(Double(-x)))) }
        #expect(comparison.coarseDifference.snippet == 1)
        #expect(abs(comparison.coarseDifference.largest - (sigmoid(-1) - 0.5)) < 1e-6)
        let sum = 2 * (0.5 - sigmoid(-1)) + sigmoid(0.5) - 0.5
        #expect(abs(comparison.coarseDifference.mean - sum / 4) < 1e-6)
        #expect(comparison.fineDifference?.snippet == 2)
        #expect(abs((comparison.fineDifference?.largest.magnitude ?? 0) - (sigmoid(2) - 0.5)) < 1e-6)
    }

    @Test("a segment is lost or gained where the other model has no part of it")
    func segments() {
        let comparison = ScoreComparison(
            video([9, 9, -9, 9, 9, -9, -9, 9]), video([-9, -9, -9, -9, 9, 9, -9, -9]))
        #expect(comparison.lost.map { $0.start..<$0.end } == [0..<2, 7..<8] && comparison.gained == [])
        let other = ScoreComparison(video([-9, -9, 9]), video([9, -9, 9]))
        #expect(other.lost == [] && other.gained.map { $0.start..<$0.end } == [0..<1])
    }

    @Test("classes are the same where their labels differ in the case of the letters A to Z alone")
    func foldedClasses() {
        func fine(_ one: [String], _ other: [String]) -> Float? {
            ScoreComparison(video([1], labels: one), video([2], fine: [3, 0], labels: other)).fineDifference?.largest
        }
        let same = fine(["normal", "roadaccidents"], ["normal", "roadaccidents"])
        #expect(same != nil && fine(["normal", "roadAccidents"], ["Normal", "roadaccidents"]) == same)
        #expect(fine(["normal", "\u{212A}"], ["normal", "k"]) == nil, "no other rule of Unicode counts")
        #expect(fine(["normal", "road accidents"], ["normal", "roadAccidents"]) == nil)
    }

    @Test("models of other classes are compared by their coarse scores alone")
    func otherClasses() {
        let comparison = ScoreComparison(video([1]), video([2], labels: ["normal", "smoke"]))
        #expect(comparison.fineDifference == nil && comparison.coarse.count == 1)
    }
}
