import Foundation
import TestSupport
import Testing

/// The arrows between the rooms, which all point down.
@Suite("Targets import only what lies below them")
struct ImportGraphTests {
    /// What each target may import of the others. A target that is not listed here fails the test.
    static let allowed: [String: Set<String>] = [
        "vigil": [
            "API", "Alerts", "Audit", "CLIP", "CLinux", "CResources", "Datasets", "Engine", "Evaluation", "Extraction",
            "Frames", "PostgresStore", "Reports", "SQLiteStore",
            "Scenes", "Scoring",
            "HTTP", "HTTPClient", "Jobs", "OTLP", "Training", "VadCLIP", "Formats", "JSON", "Tensors", "Platform",
            "TLS",
            "Tracing", "Video", "Webhooks",
        ],
        "Engine": ["Jobs", "Platform", "Tensors", "VadCLIP"],
        "API": [
            "Alerts", "Audit", "Scoring", "Engine", "HTTP", "Jobs", "Reports", "VadCLIP", "Webhooks", "Formats", "JSON",
            "Platform", "Telemetry", "Tracing",
        ],
        "Scoring": [
            "CLIP", "Engine", "Extraction", "Formats", "Frames", "JSON", "Jobs", "Platform", "Tensors", "VadCLIP",
            "Video",
        ],
        "SQLiteStore": ["Jobs", "Payloads", "Platform", "Zlib"],
        "PostgresStore": ["CPostgres", "Jobs", "Payloads", "Platform"],
        "Payloads": ["Formats", "Jobs", "Platform", "Zlib"],
        "Training": ["CLIP", "Datasets", "Evaluation", "Formats", "JSON", "Platform", "Tensors", "VadCLIP"],
        "Scenes": ["Datasets", "Extraction", "Formats", "Frames", "Platform", "Tensors", "VadCLIP"],
        "Evaluation": ["Datasets", "JSON", "Platform", "Reports", "VadCLIP"],
        "Reports": ["Formats", "JSON", "Platform"],
        "Datasets": ["Formats", "Platform", "Tensors", "VadCLIP"],
        "VadCLIP": ["CLIP", "Formats", "JSON", "Platform", "Tensors"],
        "CLIP": ["Tensors"],
        "Extraction": ["CLIP", "Frames", "Platform", "Tensors"],
        "Frames": ["CKernels", "Formats", "Platform"],
        "Video": ["Formats", "Frames", "Platform"],
        "Tensors": ["CKernels"],
        "Formats": ["JSON", "Platform", "Zlib"],
        "JSON": ["Platform"],
        "HTTP": ["CLinux", "Platform", "TLS", "Tracing", "Zlib"],
        "Zlib": ["CKernels", "CZlib"],
        "TLS": ["COpenSSL", "Platform"],
        "Jobs": ["Platform"],
        "Telemetry": ["Platform"],
        "Platform": ["CLinux", "COpenSSL"],
        "Webhooks": ["HTTPClient", "Platform", "TLS"],
        "HTTPClient": ["Platform", "TLS"],
        "Alerts": ["CMosquitto", "HTTPClient", "JSON", "Platform", "TLS", "Webhooks"],
        "OTLP": ["HTTPClient", "JSON", "Platform", "TLS", "Tracing", "Zlib"],
        "Tracing": ["Platform"],
        "Audit": ["JSON", "Platform"],
        "CKernels": [], "CLinux": [], "CPostgres": [], "CResources": [], "CZlib": [], "COpenSSL": [],
        "CMosquitto": [],
    ]

    @Test("no file imports a target that its own must not know")
    func imports() throws {
        let sources = try Repository.sources()
        #expect(sources.count > 100, "too few files were found for the rule to mean anything")
        let wrong = sources.flatMap { file in
            file.imports.intersection(Self.allowed.keys).subtracting(Self.allowed[file.target] ?? [])
                .map { "\(file.path) imports \($0)" }
        }
        #expect(wrong == [])
    }

    @Test(
        "only the rooms that speak to the operating system's threads and files import it",
        arguments: ["CLIP", "VadCLIP"])
    func systemFree(target: String) throws {
        let wrong = try Repository.sources().filter { $0.target == target }.filter { file in
            !file.imports.isDisjoint(with: ["Foundation", "Dispatch", "SystemPackage"])
        }
        #expect(wrong.map(\.path) == [])
    }

    @Test("what scores knows no protocol: no HTTP, no statuses")
    func scoringWithoutHTTP() throws {
        let files = try Repository.sources().filter { $0.target == "Scoring" }
        #expect(files.count > 10, "too few files were found for the rule to mean anything")
        #expect(files.filter { !$0.imports.isDisjoint(with: ["HTTP", "HTTPTypes"]) }.map(\.path) == [])
        #expect(files.flatMap { $0.places { $0.contains("HTTP") || $0.contains("status: .") } } == [])
    }

    @Test("the C library comes by way of Platform, whichever it is: nobody else imports it, in the tests neither")
    func libraryInOnePlace() throws {
        let libraries: Set<String> = ["Glibc", "Musl", "Darwin", "Android", "ucrt"]
        let files = try Repository.sources() + Repository.tests()
        let places = files.filter { !$0.imports.isDisjoint(with: libraries) }.map(\.path)
        #expect(places == ["Sources/Platform/System/LibC.swift"])
    }

    @Test("Jobs and its tests know nothing of what jobs are about", arguments: ["snippet", "feature", "matri"])
    func jobsAreBlind(word: String) throws {
        let files = try (Repository.sources() + Repository.tests()).filter { file in
            file.path.hasPrefix("Sources/Jobs/") || file.path.hasPrefix("Tests/JobsTests/")
        }
        let lines = files.reduce(0) { $0 + $1.lines.count }
        #expect(lines > 8_000, "too little was found for the rule to mean anything")
        #expect(files.flatMap { $0.places { $0.lowercased().contains(word) } } == [])
    }

    @Test("Foundation is imported in the command line alone, and where GRDB speaks of bytes")
    func foundation() throws {
        let wrong = try Repository.sources().filter { $0.imports.contains("Foundation") }
            .filter { $0.target != "vigil" && $0.path != "Sources/SQLiteStore/Database/Blob.swift" }
        #expect(wrong.map(\.path) == [])
    }

    @Test("every folder of Sources is a target of Package.swift, and is listed in the graph")
    func targets() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Paths.root + "/Sources")
        let package = try Repository.file("Package.swift").lines.joined(separator: "\n")
        for folder in folders {
            let declared = [".target(", ".executableTarget(", ".systemLibrary("].contains { kind in
                package.contains("\(kind)name: \"\(folder)\"")
                    || package.contains("\(kind)\n            name: \"\(folder)\"")
            }
            #expect(declared, "\(folder) is no target")
            #expect(Self.allowed[folder] != nil, "\(folder) is not in the import graph")
        }
        #expect(Set(Self.allowed.keys) == Set(folders))
    }

    @Test("the table of rooms in ARCHITECTURE.md has each folder of Sources, and what it imports")
    func rooms() throws {
        let lines = try Repository.file("ARCHITECTURE.md").lines
        let head = try #require(lines.firstIndex { $0.hasPrefix("| folder of Sources | what | imports of ours |") })
        var rooms: [String: Set<String>] = [:]
        for line in lines[(head + 2)...].prefix(while: { $0.hasPrefix("|") }) {
            let cells = line.dropFirst().dropLast().components(separatedBy: "|").map(Self.names)
            #expect(cells.count == 3, "\(line)")
            for room in cells.first ?? [] {
                #expect(rooms.updateValue(Set(cells.last ?? []), forKey: room) == nil, "\(room) has two rows")
            }
        }
        #expect(rooms == Self.allowed)
        let folders = try FileManager.default.contentsOfDirectory(atPath: Paths.root + "/Sources")
        #expect(Set(rooms.keys) == Set(folders))
        let sources = try Repository.sources()
        for (room, imports) in rooms {
            let real = sources.filter { $0.target == room }.reduce(into: Set()) { $0.formUnion($1.imports) }
            #expect(real.intersection(folders) == imports, "\(room)")
        }
    }

    /// What stands in marks of code.
    private static func names(in text: String) -> [String] {
        text.components(separatedBy: "`").enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
    }

    @Test(
        "every path that ARCHITECTURE.md and docs/jobs.md name is there",
        arguments: ["ARCHITECTURE.md", "docs/jobs.md"])
    func paths(page: String) throws {
        let endings = ["", ".swift", ".c"]
        let folders = ["Sources/", "Tests/", ""]
        // Of a state folder, and of the other repository.
        let elsewhere: Set<String> = ["files/ID.in", "files/ID.out", "../shared"]
        let named = try Repository.file(page).lines.flatMap(Self.names).flatMap { $0.split(separator: " ") }
            .map(String.init)
            .filter { $0.contains("/") && !$0.hasPrefix("/") && !$0.hasPrefix(">") && !elsewhere.contains($0) }
        #expect(named.count > 3, "too few paths were found for the rule to mean anything")
        let missing = named.filter { path in
            !folders.contains { folder in
                endings.contains { FileManager.default.fileExists(atPath: "\(Paths.root)/\(folder)\(path)\($0)") }
            }
        }
        #expect(missing == [])
    }

    @Test("the reader of imports sees through attributes, access levels and kinds")
    func readsImports() {
        let file = SourceFile(
            path: "Sources/A/B.swift", text: "import A\n    @testable public import struct C.D\n// import E\n")
        #expect(file.imports == ["A", "C"])
    }
}
