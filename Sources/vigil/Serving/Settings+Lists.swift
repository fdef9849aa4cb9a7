extension Settings {
    /// Texts: of the command line, else a list or texts between commas from elsewhere.
    func list(_ name: String, _ flags: [String]) throws -> [String] {
        let texts = flags.isEmpty ? try strings(name) : flags
        return texts.flatMap { $0.split(separator: ",") }
            .map { $0.trimming { $0 == " " } }.filter { !$0.isEmpty }
    }

    /// Whether something is switched on.
    func flag(_ name: String, _ flag: Bool) throws -> Bool {
        guard let text = try text(name, flag ? "true" : nil) else { return false }
        switch text.lowercased() {
        case "true", "1", "yes": return true
        case "false", "0", "no": return false
        default: throw Failure(.configuration, "setting \(name): expected true or false, not '\(text.prefix(60))'")
        }
    }
}

extension StringProtocol {
    /// Without the characters at both ends that fit.
    fileprivate func trimming(_ fits: (Character) -> Bool) -> String {
        var rest = self[...]
        while let first = rest.first, fits(first) { rest.removeFirst() }
        while let last = rest.last, fits(last) { rest.removeLast() }
        return String(rest)
    }
}
