import Testing

@testable import Telemetry

@Suite("The table of metrics keeps to the conventions of Prometheus")
struct TableTests {
    @Test("each name is there once, in both formats, and so are the names of its samples")
    func distinct() {
        let names = Family.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(Set(Family.all.map(\.stem)).count == names.count)
        let samples = Family.all.flatMap(\.sampleNames)
        #expect(Set(samples).count == samples.count)
    }

    @Test("a name is of small letters and begins with vigil_ or process_", arguments: Family.all)
    func name(_ family: Family) {
        #expect(family.name.hasPrefix("vigil_") || family.name.hasPrefix("process_"))
        #expect(family.name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_") })
    }

    @Test("a counter ends with _total and nothing else does; what has a unit names it last", arguments: Family.all)
    func endings(_ family: Family) {
        #expect(family.name.hasSuffix("_total") == (family.kind == .counter))
        #expect(family.name.hasSuffix("_info") == (family.kind == .info))
        if family.unit != .none { #expect(family.stem.hasSuffix("_" + family.unit.rawValue)) }
        for unit in [Family.Unit.seconds, .bytes] where family.stem.hasSuffix("_" + unit.rawValue) {
            #expect(family.unit == unit)
        }
        for ending in ["_bucket", "_sum", "_count", "_created"] { #expect(!family.stem.hasSuffix(ending)) }
    }

    @Test("a help is one sentence, and a label no name that the format has for itself", arguments: Family.all)
    func help(_ family: Family) {
        #expect(family.help.hasSuffix(".") && family.help.first?.isUppercase == true || family.help.first == "1")
        #expect(!family.help.contains("\n"))
        #expect(Set(family.labels).isDisjoint(with: ["le", "quantile", "job", "instance"]))
        #expect(Set(family.labels).count == family.labels.count)
    }

    @Test("histograms alone have buckets, which rise", arguments: Family.all)
    func buckets(_ family: Family) {
        #expect(family.bounds.isEmpty == (family.kind != .histogram))
        #expect(zip(family.bounds, family.bounds.dropFirst()).allSatisfy { $0 < $1 })
    }
}
