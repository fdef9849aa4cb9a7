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

    private typealias Line = ArraySlice<UInt8>

    private let sources: [ByteText: [UInt8]]
    private var whole: [UInt8] = []
    private var begun: Set<ByteText> = []
    private var done: Set<ByteText> = []

    private init(_ sources: [ByteText: [UInt8]]) { self.sources = sources }

    /// Makes one module of one and all that it imports, itself or by others.
    ///
    /// - Parameters:
    ///   - entry: the module that imports the others
    ///   - sources: modules by their names
    /// - Throws: `Obstacle` where they say what this does not understand.
    static func joined(_ entry: ByteText, from sources: [ByteText: [UInt8]]) throws(Obstacle) -> [UInt8] {
        var modules = PageModules(sources)
        try modules.add(entry)
        return modules.whole
    }

    private mutating func add(_ name: ByteText) throws(Obstacle) {
        guard !done.contains(name) else { return }
        guard let source = sources[name] else { throw .missing(name.text) }
        guard begun.insert(name).inserted else { throw .circle(name.text) }
        var body = Array("const \(Self.variable(name)) = (() => {\n".utf8)
        var exported: [String] = []
        for line in source.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.starts(with: "import ".utf8) {
                guard let (names, other) = Self.imported(line) else { throw Self.unreadable(line, in: name) }
                try add(other)
                body += "const { \(names) } = \(Self.variable(other));".utf8
            } else if line.starts(with: "export ".utf8) {
                guard let (declared, rest) = Self.exported(line) else { throw Self.unreadable(line, in: name) }
                exported.append(declared)
                body += rest
            } else {
                body += line
            }
            body.append(UInt8(ascii: "\n"))
        }
        whole += body
        whole += "return { \(exported.joined(separator: ", ")) };\n})();\n".utf8
        done.insert(name)
    }

    /// The names that `import { a, b as c } from './x.js';` takes, as a pattern takes them, and the module's.
    private static func imported(_ line: Line) -> (names: String, module: ByteText)? {
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ",") }.map { text($0) }
        guard words.count >= 6, words[1] == "{", words[words.count - 3] == "}", words[words.count - 2] == "from" else {
            return nil
        }
        let quoted = line.split(separator: UInt8(ascii: "'"), omittingEmptySubsequences: false)
        guard quoted.count == 3, text(quoted[2]) == ";", quoted[1].starts(with: "./".utf8) else { return nil }
        var names: [String] = []
        var taken = words[2..<(words.count - 3)]
        while let name = taken.popFirst() {
            guard taken.first == "as" else {
                names.append(name)
                continue
            }
            taken.removeFirst()
            guard let own = taken.popFirst() else { return nil }
            names.append("\(name): \(own)")
        }
        return (names.joined(separator: ", "), ByteText(text(quoted[1].dropFirst(2))))
    }

    /// The name that `export function f`, or a class or constant, declares, and the line without its first word.
    private static func exported(_ line: Line) -> (name: String, rest: Line)? {
        let rest = line.dropFirst("export ".utf8.count)
        for declaration in ["function ", "async function ", "class ", "const "]
        where rest.starts(with: declaration.utf8) {
            let name = rest.dropFirst(declaration.utf8.count).prefix { byte in
                !" (=;{".utf8.contains(byte)
            }
            return name.isEmpty ? nil : (text(name), rest)
        }
        return nil
    }

    private static func unreadable(_ line: Line, in name: ByteText) -> Obstacle {
        .unreadable(file: name.text, line: text(line))
    }

    private static func text(_ bytes: Line) -> String { String(decoding: bytes, as: UTF8.self) }

    /// What stands for a module's exports: its name without its ending.
    private static func variable(_ module: ByteText) -> String {
        "$" + String(decoding: module.text.utf8.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
    }
}
