import Foundation
import TestSupport
import Testing

@testable import vigil

@Suite("Profiles of servers")
struct ProfilesTests {
    private static func read(
        _ text: String, _ name: String = "lab", mode: Int = 0o600, file: String = "profiles.yaml", isNeeded: Bool = true
    ) throws -> Profile? {
        let folder = try ScratchFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/vigil", withIntermediateDirectories: true)
        let path = folder.path + "/vigil/\(file)"
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return try Profiles.profile(
            name, isNeeded: isNeeded, environment: ["XDG_CONFIG_HOME": folder.path, "HOME": "/none"])
    }

    @Test("files that a profile names are beside it, unless they are elsewhere")
    func files() throws {
        let text = "lab:\n  url: https://vigil.test\n  api-key-file: lab.key\n  ca: /etc/ca.pem\n"
        let profile = try #require(try Self.read(text, mode: 0o644))
        #expect(profile.keyFile?.hasSuffix("/vigil/lab.key") == true && profile.ca == "/etc/ca.pem")
        #expect(profile.url == "https://vigil.test" && profile.key == nil)
        let json = #"{"lab": {"url": "http://vigil.test", "api-key": "k"}}"#
        #expect(try Self.read(json, file: "profiles.json")?.key == "k")
    }

    @Test("one with a key that others may read, or that others may write, is refused")
    func modes() throws {
        let (plain, secret) = ("lab: {url: http://a}", "lab: {url: http://a}\nother: {url: http://b, api-key: k}")
        for mode in [0o600, 0o640, 0o644] { #expect(try Self.read(plain, mode: mode) != nil) }
        for mode in [0o620, 0o602, 0o666] { #expect(throws: Failure.self) { try Self.read(plain, mode: mode) } }
        for mode in [0o640, 0o604] { #expect(throws: Failure.self) { try Self.read(secret, mode: mode) } }
        #expect(try Self.read(secret) != nil)
    }

    @Test(
        "what is no profile is told",
        arguments: [
            "other: {url: http://a}", "lab: http://a", "lab: {}", "lab: {url: [a]}", "lab: {urls: http://a}", "[]", "",
            "lab: {url: http://a, api-key: k, api-key-file: f}", "lab: &a {url: http://a}\nx: *a",
            "lab: {url: !!python/x a}",
            "lab: {url: http://a}\nlab: {url: http://b}",
        ])
    func wrong(text: String) {
        #expect(throws: Failure.self) { try Self.read(text) }
    }

    @Test("where none is asked for there need be none")
    func none() throws {
        #expect(try Self.read("other: {url: http://a}", "default", isNeeded: false) == nil)
        let nowhere = ["HOME": "/nowhere"]
        #expect(try Profiles.profile("default", isNeeded: false, environment: nowhere) == nil)
        #expect(try Profiles.profile("default", isNeeded: false, environment: [:]) == nil)
        #expect(throws: Failure.self) { try Profiles.profile("lab", isNeeded: true, environment: nowhere) }
    }
}
