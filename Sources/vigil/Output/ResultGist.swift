import JSON
import Platform

/// A result in a few words: how abnormal the whole is, and what its segments are.
struct ResultGist {
    private static let mostLabels = 4

    let coarse: Float
    /// The classes of the segments, one for each.
    let labels: [String]

    init(coarse: Float, labels: [String]) {
        self.coarse = coarse
        self.labels = labels
    }

    /// That of a result as a server writes it; nil where it is none.
    init?(_ result: ArraySlice<UInt8>) {
        let bytes = Array(result)
        guard let members = try? JSONMembers.split(bytes) else { return nil }
        func value(_ name: String) -> JSONValue? {
            members.first { $0.name.hasBytes(of: name) }.flatMap { try? JSONReader.parse(Array(bytes[$0.value])) }
        }
        guard let coarse = value("video")?["coarse"]?.double, let segments = value("segments")?.array else {
            return nil
        }
        self.init(coarse: Float(coarse), labels: segments.map { $0["label"]?.string ?? "" })
    }

    /// `97% abnormal, 3 segments (fighting, shooting)`: the classes are those of the segments, since the whole may be mostly normal
    /// where these are not.
    var text: String {
        var named: [String] = []
        for label in labels where !label.isEmpty && !named.contains(where: { $0.hasBytes(of: label) }) {
            named.append(label)
        }
        let more = named.count > Self.mostLabels ? " and \(named.count - Self.mostLabels) more" : ""
        let classes = named.isEmpty ? "" : " (\(named.prefix(Self.mostLabels).joined(separator: ", "))\(more))"
        return "\(TableText.percent(coarse)) abnormal, \(counted(labels.count, "segment"))\(classes)"
    }
}
