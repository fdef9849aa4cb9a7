import CLinux

extension Settings {
    /// The process's variables.
    static var environment: [String: String] {
        var found: [String: String] = [:]
        var next = vigil_environment()
        while let entry = next?.pointee {
            let text = String(cString: entry)
            if let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
                found[String(text[..<equals])] = String(text[text.utf8.index(after: equals)...])
            }
            next = next?.advanced(by: 1)
        }
        return found
    }
}
