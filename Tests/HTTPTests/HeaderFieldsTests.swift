import HTTPTypes
import Testing

@testable import HTTP

@Suite("Fields are looked up by name")
struct HeaderFieldsTests {
    /// Names of all lengths, beyond those that have a mark of their own.
    private static func name(_ length: Int) throws -> HTTPField.Name {
        try #require(HTTPField.Name("X" + String(repeating: "y", count: length - 1)))
    }

    @Test(
        "a name of any length is found where it is there, and only there",
        arguments: [1, 2, 31, 32, 62, 63, 64, 65, 127, 200])
    func lengths(length: Int) throws {
        let name = try Self.name(length)
        let alike = try #require(HTTPField.Name("Z" + String(repeating: "y", count: length - 1)))
        let fields = HeaderFields([(.hostField, "a"), (name, "1"), (.accept, "b"), (name, "2")])
        #expect(fields[name] == "1, 2" && fields.values(for: name) == ["1", "2"] && fields.contains(name))
        for other in [alike, try Self.name(length + 1), try Self.name(length + 64)] {
            #expect(fields[other] == nil && fields.values(for: other) == [] && !fields.contains(other))
        }
        #expect(fields[.hostField] == "a" && fields[.accept] == "b")
    }

    @Test("of no fields none is found")
    func none() throws {
        let name = try Self.name(9)
        #expect(HeaderFields()[name] == nil && !HeaderFields().contains(name) && HeaderFields().values(for: name) == [])
    }
}
