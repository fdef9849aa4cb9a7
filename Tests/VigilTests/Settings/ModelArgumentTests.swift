import Testing

@testable import vigil

@Suite("What --model names")
struct ModelArgumentTests {
    private let files: SettingFiles

    init() throws { files = try SettingFiles() }

    @Test("a file alone, or one under a name")
    func forms() throws {
        for (text, name, path) in [
            ("/m/x", nil, "/m/x"), ("a=/m/x", "a", "/m/x"), ("ucf-1.b=x=y", "ucf-1.b", "x=y"), ("x", nil, "x"),
        ] as [(String, String?, String)] {
            let found = try ModelArgument(text)
            #expect(found.name == name && found.path == path, "\(text)")
        }
    }

    @Test(
        "a name that is none is refused",
        arguments: ["../x=/m/x", "é=/m/x", "a\u{301}=/m/x", "=/m/x", "a=", "a b=/m/x", "/m/a=/m/x"])
    func names(text: String) {
        #expect(throws: SettingFault.self) { try ModelArgument(text) }
    }

    @Test("what stands before an equals sign may be the path of a file that is there")
    func path() throws {
        let path = files.folder + "/a=b"
        #expect(throws: SettingFault.self) { try ModelArgument(path) }
        try files.write("x", to: path)
        #expect(try ModelArgument(path).path == path)
    }

    @Test("several in one text stand between commas, which paths may have too")
    func several() throws {
        let table = [
            "/m/x": ["/m/x"], "/m/x,y": ["/m/x,y"], "a=/m/x,b=/m/y": ["a=/m/x", "b=/m/y"],
            "/m/x, b=/m/y,z": ["/m/x", "b=/m/y,z"], #"["a=x", "/m/y"]"#: ["a=x", "/m/y"],
        ]
        for (text, expected) in table { #expect(try ModelArgument.entries(of: text) == expected, "\(text)") }
        #expect(throws: SettingFault.self) { try ModelArgument.entries(of: "é=/m/x,b=/m/y") }
    }

    @Test("a command that works with one takes the first, unless it was given several")
    func one() throws {
        let (first, second) = ("a=" + files.empty, "b=" + files.empty)
        let shared = try Settings(.score, environment: ["VIGIL_MODEL": "\(first),\(second)"])
        #expect(try shared.model()?.name == "a")
        let given = try Settings(.score, options: ["model": [first, second]], environment: [:])
        #expect(throws: Failure.self) { try given.model() }
    }
}
