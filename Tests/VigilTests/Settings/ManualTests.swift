import Foundation
import TestSupport
import Testing
import VadCLIP

@testable import vigil

@Suite("README and the pages of docs say what the code does")
struct ManualTests {
    private let lines: [String]

    init() throws { lines = try Manual.lines() }

    /// The rows of all tables whose head begins so, without the marks of code.
    private func rows(under head: String) -> [[String]] {
        var found: [[String]] = []
        for start in lines.indices where lines[start].hasPrefix(head) {
            for line in lines[(start + 2)...].prefix(while: { $0.hasPrefix("|") }) {
                let cells = line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
                found.append(cells.map { $0.replacing("`", with: "").trimmingCharacters(in: .whitespaces) })
            }
        }
        return found
    }

    @Test("each setting has one row, with its variable and its default")
    func settings() {
        let rows = rows(under: "| option, key | environment | default |")
        #expect(rows.map { $0[0] }.sorted() == Setting.all.filter(\.isKey).map(\.name).sorted())
        for row in rows {
            guard let setting = Setting.named(row[0]) else { continue }
            #expect(row[1] == setting.variable, "\(row[0])")
            #expect(row[2] == setting.shownDefault ?? "", "\(row[0])")
        }
    }

    @Test("each exit code has its row")
    func exitCodes() {
        let codes = rows(under: "| exit code | means |").compactMap { Int32($0[0]) }
        #expect(codes == [0] + Failure.Code.allCases.map(\.rawValue))
    }

    @Test("segments are cut by these settings")
    func segments() {
        let standard = SegmentOptions()
        #expect(
            rows(under: "| setting | default | a segment |").map { Array($0[..<2]) } == [
                ["threshold", "\(standard.threshold)"], ["leave", "the threshold"],
                ["merge_gap", "\(standard.mergeGap)"], ["min_snippets", "\(standard.minimumSnippets)"],
            ])
        #expect(standard.leave == standard.threshold)
    }
}
