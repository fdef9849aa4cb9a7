import Platform

/// What stands beside features in a file and is not scored.
enum PassedOver {
    /// What to say of it: nothing where there is none.
    static func notes(_ names: [String]) -> [String] {
        guard !names.isEmpty else { return [] }
        let fps = names.contains("fps") ? "; frames a second are given by the option fps" : ""
        return ["beside the features, and passed over: \(list(names))\(fps)"]
    }

    /// The first names, and how many more there are.
    static func list(_ names: [String]) -> String {
        let shown = names.prefix(5).map { quoted($0, limit: 40) }.joined(separator: ", ")
        return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
    }
}
