import Jobs
import Platform
import Testing

@testable import API

@Suite("what stands behind a key's digest")
struct APIKeyAttributeTests {
    private func key(_ attributes: String) throws -> APIKey? {
        try APIKeys(APIKeysTests.line("alice", "one", attributes), path: "keys")["alice"]
    }

    @Test("roles, owners, quotas and times are read; without them a key submits, and its jobs are its own")
    func attributes() throws {
        let plain = try #require(try key(""))
        #expect(plain.role == .submitter && plain.owner == nil && plain.quota.isUnbounded && plain.expires == nil)
        #expect(plain.caller.owner == "alice" && !plain.caller.seesAll && plain.caller.account == nil)
        let full = try #require(
            try key(
                " role=submitter\towner=team jobs-per-day=5  bytes-per-day=2GiB snippets-per-day=1000 max-queued=3"
                    + " expires=2027-01-31 \r"))
        #expect(full.quota == DailyQuota(jobs: 5, bytes: 2 << 30, units: 1000) && full.maxQueued == 3)
        #expect(full.expires == WallTime("2027-01-31T00:00:00Z") && full.caller.owner == "team")
        #expect(full.caller.account == Account(name: "alice", quota: full.quota), "it is counted by its own name")
        #expect(try key(" expires=2027-01-31T12:30:00+02:00")?.expires == WallTime("2027-01-31T10:30:00Z"))
        #expect(try key(" bytes-per-day=12")?.quota.bytes == 12)
        #expect(try key(" role=admin")?.caller.seesAll == true)
        #expect(try key(" role=reader owner=*")?.caller.seesAll == true)
        #expect(try key(" role=reader owner=bob")?.caller.owner == "bob")
        #expect(try key(" revoked=2026-01-01") == nil, "it is none any more")
    }

    @Test(
        "what is wrong is named by line and attribute, without what may be a key",
        arguments: [
            (" role=root", "expected admin, submitter, reader"), (" role", "expected name=value"),
            (" secret-secret", "expected name=value"), (" c2VjcmV0LXNlY3JldA==", "something there is none"),
            (" rolle=admin", "did you mean role?"), (" role=admin role=admin", "role is there twice"),
            (" owner=a/b", "owner: expected a name"), (" owner=*", "owner=* is for readers"),
            (" role=admin owner=*", "owner=* is for readers"), (" jobs-per-day=0", "from 1 on"),
            (" jobs-per-day=-1", "from 1 on"), (" jobs-per-day=1e3", "from 1 on"), (" max-queued=", "from 1 on"),
            (" snippets-per-day=99999999999999999999", "from 1 on"), (" bytes-per-day=2GB", "KiB, MiB"),
            (" bytes-per-day=9999999TiB", "KiB, MiB"), (" expires=tomorrow", "is no time"),
            (" expires=2027-02-30", "is no time"), (" role=reader jobs-per-day=1", "a reader submits nothing"),
        ])
    func malformed(attributes: String, words: String) {
        let error = #expect(throws: APIKeyError.self) {
            try APIKeys("# one\n" + APIKeysTests.line("alice", "one", attributes), path: "/etc/keys")
        }
        #expect(error?.description.hasPrefix("/etc/keys:2: 'alice': ") == true, "\(error as Any)")
        #expect(error?.description.contains(words) == true, "\(error as Any)")
        #expect(error?.description.contains("ecret") == false)
    }
}

@Suite("a file of keys that is changed")
struct APIKeyTextTests {
    private static let head = "# ours\r\n\n"
    private static let time = WallTime(milliseconds: 1_800_000_000_123)

    private func text(_ body: String) throws -> APIKeyText {
        try APIKeyText(Array((Self.head + body).utf8), path: "keys")
    }

    private func said(_ text: APIKeyText) -> String { String(decoding: text.bytes, as: UTF8.self) }

    @Test("a key is added behind the last line, also one without an end, and into nothing")
    func adding() throws {
        for body in [APIKeysTests.line("bob", "two"), String(APIKeysTests.line("bob", "two").dropLast())] {
            var changed = try text(body)
            try changed.add("alice", secret: "one", attributes: [("role", "admin"), ("expires", "2027-01-31")])
            let line = APIKeysTests.line("alice", "one", " role=admin expires=2027-01-31")
            #expect(said(changed) == Self.head + APIKeysTests.line("bob", "two") + line)
            #expect(changed.keys.name(of: "one".utf8) == "alice" && changed.keys["alice"]?.role == .admin)
        }
        var first = try APIKeyText([], path: "keys")
        try first.add("alice", secret: "one", attributes: [])
        #expect(said(first) == APIKeysTests.line("alice", "one"))
    }

    @Test("what can't be added is refused and changes nothing")
    func refusing() throws {
        var changed = try text(
            APIKeysTests.line("bob", "two") + APIKeysTests.line("carol", "three", " revoked=2026-01-01"))
        let before = changed.bytes
        let attempts: [(name: String, secret: String, attributes: [(name: String, value: String)], words: String)] = [
            ("bob", "one", [], "there is a key 'bob' already"), ("carol", "one", [], "'carol' was revoked"),
            ("a b", "one", [], "a name has"), ("a", "one", [("role", "x")], "expected admin"),
            ("a", "two", [], "the same key as 'bob'"), ("a", "three", [], "the same key as 'carol'"),
        ]
        for attempt in attempts {
            let error = #expect(throws: APIKeyError.self) {
                try changed.add(attempt.name, secret: attempt.secret, attributes: attempt.attributes)
            }
            #expect(error?.description.contains(attempt.words) == true, "\(error as Any)")
        }
        #expect(throws: APIKeyError.self) { try changed.rotate("carol", secret: "four") }
        #expect(throws: APIKeyError.self) { try changed.revoke("carol", at: Self.time) }
        let unknown = #expect(throws: APIKeyError.self) { try changed.forget("carl") }
        #expect(unknown?.description.contains("did you mean 'carol'?") == true)
        #expect(changed.bytes == before)
        #expect(throws: APIKeyError.self) { try text("alice") }
        #expect(throws: APIKeyError.self) { try APIKeyText([0xff], path: "keys") }
    }

    @Test(
        "what is wrong with a new key by itself is told by the option, before any file is looked at",
        arguments: [
            ("a", "role", "writer", "--role: 'writer' is none"),
            ("a", "bytes-per-day", "5GB", "--bytes-per-day: '5GB'"),
            ("a", "expires", "soon", "--expires: 'soon' is no time"),
            ("a", "expires", "2020-01-01", "--expires: 2020-01-01T00:00:00.000Z is in the past"),
            ("a", "owner", "*", "owner=* is for readers"), ("a b", "role", "admin", "'a b': a name has"),
        ])
    func options(name: String, attribute: String, value: String, words: String) {
        let fault = APIKeyText.fault(of: name, attributes: [(attribute, value)], at: Self.time)
        #expect(fault?.hasPrefix(words) == true, "\(fault ?? "-")")
    }

    @Test("a good one has no fault, and an owner that no key has is known")
    func goodOptions() throws {
        let good = [("role", "reader"), ("owner", "bob"), ("expires", "2099-01-01")].map { (name: $0, value: $1) }
        #expect(APIKeyText.fault(of: "a", attributes: good, at: Self.time) == nil)
        var changed = try text(APIKeysTests.line("bob", "two") + APIKeysTests.line("eve", "five", " owner=mallory"))
        try changed.add("a", secret: "one", attributes: good)
        try changed.add("b", secret: "three", attributes: [("owner", "bobby")])
        try changed.add("c", secret: "four", attributes: [("owner", "mallory")])
        #expect(["a", "b", "c", "bob"].map { changed.unknownOwner(of: $0) } == [nil, "bobby", nil, nil])
    }

    @Test("one line is changed, and all else stays byte for byte")
    func changing() throws {
        let (before, after) = ("  # a: comment\n\tbob :  ", "  role=admin\t \r\n\n# end")
        let digests = (APIKeysTests.digest("two").uppercased(), APIKeysTests.digest("new"))
        var changed = try text(before + digests.0 + after)
        try changed.rotate("bob", secret: "new")
        #expect(said(changed) == Self.head + before + digests.1 + after)
        #expect(changed.keys.name(of: "new".utf8) == "bob" && changed.keys["bob"]?.role == .admin)
        try changed.revoke("bob", at: Self.time)
        let mark = "  role=admin revoked=2027-01-15T08:00:00.000Z\t \r\n\n# end"
        #expect(said(changed) == Self.head + before + digests.1 + mark, "\(said(changed))")
        #expect(changed.keys["bob"] == nil && changed.keys.count == 1)
        try changed.forget("bob")
        #expect(said(changed) == Self.head + "  # a: comment\n\n# end" && changed.keys.count == 0)
    }
}
