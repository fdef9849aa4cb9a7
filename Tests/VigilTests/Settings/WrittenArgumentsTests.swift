import Testing

@testable import vigil

@Suite("What is written on the command line")
struct WrittenArgumentsTests {
    @Test("an argument that is no UTF-8 is refused: as a text it would name another file")
    func bytes() throws {
        try WrittenArguments.check(bytes: [])
        try WrittenArguments.check(bytes: ["score", "é.npy", "f\u{FFFD}.npy", ""].map { Array($0.utf8) })
        let failure = #expect(throws: Failure.self) {
            try WrittenArguments.check(bytes: [Array("score".utf8), [0x66, 0xE9, 0x2E]])
        }
        #expect(failure?.code == .usage)
        #expect(failure?.description.contains("f\u{FFFD}.") == true)
    }

    @Test("so is one of Vigil's variables, by its name; what others are is none of its business")
    func variables() throws {
        try Settings.check(variables: [Array("VIGIL_STATE=é".utf8), Array("LC_X=".utf8) + [0xE9], [0xFF]])
        let failure = #expect(throws: Failure.self) {
            try Settings.check(variables: [Array("VIGIL_STATE=/caf".utf8) + [0xE9]])
        }
        #expect(failure?.code == .configuration)
        #expect(failure?.description.hasPrefix("VIGIL_STATE: ") == true)
    }
}
