import CLinux
import Platform

extension Settings {
    /// The process's variables.
    static var environment: [String: String] {
        var found: [String: String] = [:]
        for entry in variables {
            let text = String(decoding: entry, as: UTF8.self)
            if let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
                found[String(text[..<equals])] = String(text[text.utf8.index(after: equals)...])
            }
        }
        return found
    }

    /// The process's variables as it was given them, `NAME=VALUE` each.
    static var variables: [[UInt8]] {
        var found: [[UInt8]] = []
        var next = vigil_environment()
        while let entry = next?.pointee {
            // Sound: each ends with a zero, and nobody changes them.
            found.append(Array(UnsafeRawBufferPointer(start: entry, count: strlen(entry))))
            next = next?.advanced(by: 1)
        }
        return found
    }

    /// Throws where one of Vigil's own is no UTF-8: as a text it would be another, and so might be the file that it names.
    static func check(variables: [[UInt8]]) throws(Failure) {
        for entry in variables where entry.starts(with: Setting.variablePrefix.utf8) {
            guard String(validating: entry, as: UTF8.self) == nil else { continue }
            let name = String(decoding: entry.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
            throw Failure(.configuration, "\(name): what it says is not UTF-8: expected that")
        }
    }
}
