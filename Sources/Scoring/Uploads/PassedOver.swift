import Platform

/// What stands beside features in a file and is not scored.
enum PassedOver {
    /// How the files came, which is how parameters are given.
    enum Way: Sendable {
        case request, commandLine

        fileprivate var framesASecond: String { self == .request ? "the parameter fps" : "--fps" }

        fileprivate var parametersOfSeveral: String {
            switch self {
            case .request: "parameters of a batch stand in the query or in fields of its form, and hold for all of it"
            case .commandLine: "for a file of several they are given by options, and hold for all of a batch"
            }
        }
    }

    /// What to say of arrays: nothing where there is none.
    static func notes(_ names: [String], _ way: Way) -> [String] {
        guard !names.isEmpty else { return [] }
        let fps = names.contains("fps") ? "; frames a second are given by \(way.framesASecond)" : ""
        return ["beside the features, and passed over: \(list(names))\(fps)"]
    }

    /// What to say of members of a JSON file that is one of several.
    static func notes(ofOneOfSeveral names: [String], _ way: Way) -> [String] {
        names.isEmpty
            ? [] : ["beside the features, and passed over: \(list(names)); \(way.parametersOfSeveral)"]
    }

    /// The first names, and how many more there are.
    static func list(_ names: [String]) -> String {
        let shown = names.prefix(5).map { quoted($0, limit: 40) }.joined(separator: ", ")
        return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
    }
}
