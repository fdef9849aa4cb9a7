import Platform

/// The modules of a page as one, so that a browser that has seen nothing asks once and not sixteen times.
///
/// A module is put into a function, whose result is what the module exports; what it imports is taken from the results of others,
/// which stand above it. So a page's modules write an import as one line of names in braces, export functions, classes and
/// constants where they declare them, and import in no circle.
struct PageModules {
    /// Why modules can't be made one.
    enum Obstacle: Error, Equatable {
        case missing(String)
        case circle(String)
        case unreadable(file: String, line: String)
    }

    private let sources: [ByteText: [UInt8]]
    private var parts: [String] = []
    private var begun: Set<String> = []
    private var done: Set<String> = []

    private init(_ sources: [ByteText: [UInt8]]) { self.sources = sources }

    /// Makes one module of one and all that it imports, itself or by others.
    ///
    /// - Parameters:
    ///   - entry: the module that imports the others
    ///   - sources: modules by their names
    /// - Throws: `Obstacle` where they say what this does not understand.
    static func joined(_ entry: String, from sources: [ByteText: [UInt8]]) throws(Obstacle) -> [UInt8] {
        var modules = PageModules(sources)
        try modules.add(entry)
        return Array(modules.parts.joined().utf8)
    }

    private mutating func add(_ name: String) throws(Obstacle) {
        guard !done.contains(name) else { return }
        guard let source = sources[ByteText(name)] else { throw .missing(name) }
        guard begun.insert(name).inserted else { throw .circle(name) }
        var body = ""
        var exported: [Substring] = []
        for line in String(decoding: source, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("import ") {
                guard let (names, other) = Self.imported(line) else { throw .unreadable(file: name, line: "\(line)") }
                try add(other)
                body += "const { \(names) } = \(Self.variable(other));\n"
            } else if line.hasPrefix("export ") {
                guard let (declared, rest) = Self.exported(line) else { throw .unreadable(file: name, line: "\(line)") }
                exported.append(declared)
                body += "\(rest)\n"
            } else {
                body += "\(line)\n"
            }
        }
        parts.append("const \(Self.variable(name)) = (() => {\n\(body)return {\(exported.joined(separator: ", "))};\n})();\n")
        done.insert(name)
    }

    /// The names that `import { a, b as c } from './x.js';` takes, as a pattern takes them, and the module's.
    private static func imported(_ line: Substring) -> (names: String, module: String)? {
        let (opening, middle) = ("import { ", " } from ")
        let parts = line.split(separator: "'", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2] == ";", parts[1].hasPrefix("./"), parts[0].hasPrefix(opening),
            parts[0].hasSuffix(middle), parts[0].utf8.count > opening.utf8.count + middle.utf8.count
        else { return nil }
        var names: [String] = []
        for taken in parts[0].dropFirst(opening.count).dropLast(middle.count).split(separator: ", ") {
            let words = taken.split(separator: " ")
            switch words.count {
            case 1: names.append(String(words[0]))
            case 3 where words[1] == "as": names.append("\(words[0]): \(words[2])")
            default: return nil
            }
        }
        return (names.joined(separator: ", "), String(parts[1].dropFirst(2)))
    }

    /// The name that `export function f`, or a class or constant, declares, and the line without its first word.
    private static func exported(_ line: Substring) -> (name: Substring, rest: Substring)? {
        let rest = line.dropFirst("export ".count)
        let declarations = ["function ", "async function ", "class ", "const "]
        guard let declaration = declarations.first(where: rest.hasPrefix) else { return nil }
        let name = rest.dropFirst(declaration.count).prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
        return name.isEmpty ? nil : (name, rest)
    }

    private static func variable(_ module: String) -> String { "$" + module.split(separator: ".").joined(separator: "_") }
}
