import Platform
import TestSupport
import Testing

@testable import HTTP

@Suite("IP addresses and ranges")
struct AddressTests {
    @Test(
        "addresses in numbers are read, and written in one form",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::", "::"), ("::1", "::1"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:201", "192.0.2.1"), ("::192.0.2.1", "::192.0.2.1"), ("fe80::1", "fe80::1"),
        ])
    func reading(text: String, written: String) {
        #expect(IPAddress(text)?.description == written)
    }

    @Test(
        "what is no address in numbers is not read",
        arguments: [
            "", " ", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "1.2.3.4\u{0}", "0x7f.1", "2130706433",
            "::1::", ":::", "1::2::3", "12345::", "::g", "[::1]", "fe80::1%eth0", "::1/64", "localhost",
            String(repeating: "1", count: 1000),
        ])
    func refusing(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("the IPv4-mapped form is the IPv4 address")
    func mapped() {
        #expect(IPAddress("::ffff:10.1.2.3") == IPAddress("10.1.2.3"))
        #expect(IPAddress("::ffff:10.1.2.3")?.isIPv4 == true)
        #expect(IPAddress("::10.1.2.3")?.isIPv4 == false)
    }

    @Test(
        "connections are counted for an IPv4 address or an IPv6 /64",
        arguments: [
            ("10.0.0.1", "10.0.0.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("::ffff:10.0.0.1", "10.0.0.1"),
        ])
    func shares(address: String, share: String) {
        #expect(IPAddress(address)?.share == IPAddress(share))
    }

    @Test(
        "ranges hold what they should",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("0.0.0.0/0", "255.1.2.3", true), ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true), ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false),
            ("192.0.2.6/31", "192.0.2.7", true), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false), ("2001:db8::/65", "2001:db8::8000:0:0:0", false),
            ("2001:db8::/65", "2001:db8::7fff:0:0:0", true), ("::1", "::1", true), ("::1/128", "::2", false),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
        ])
    func containing(range: String, address: String, holds: Bool) throws {
        #expect(try AddressRange(range).contains(try #require(IPAddress(address))) == holds)
    }

    @Test(
        "what is no range is refused, and says why",
        arguments: [
            ("", AddressRangeError.notAnAddress("")), ("10.0.0/8", .notAnAddress("10.0.0/8")),
            ("10.0.0.0/", .prefixLength("10.0.0.0/", most: 32)),
            ("10.0.0.0/33", .prefixLength("10.0.0.0/33", most: 32)),
            ("10.0.0.0/+8", .prefixLength("10.0.0.0/+8", most: 32)),
            ("10.0.0.0/08", .prefixLength("10.0.0.0/08", most: 32)),
            ("10.0.0.0/8/8", .prefixLength("10.0.0.0/8/8", most: 32)), ("::/129", .prefixLength("::/129", most: 128)),
            ("10.0.0.1/8", .bitsBeyondPrefix("10.0.0.1/8", expected: "10.0.0.0/8")),
            ("2001:db8::1/32", .bitsBeyondPrefix("2001:db8::1/32", expected: "2001:db8::/32")),
        ])
    func refusingRanges(text: String, error: AddressRangeError) {
        #expect(throws: error) { try AddressRange(text) }
    }

    @Test("an address is in a range exactly if their first bits are the same", arguments: 1...4 as ClosedRange<UInt64>)
    func rangeLaw(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<500 {
            let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
            let length = Int.random(in: 0...128, using: &random)
            let base = try #require(IPAddress(networkBytes: bytes)).masked(to: length)
            let range = try AddressRange("\(base)/\(base.isIPv4 ? max(0, length - 96) : length)")
            let flipped = Int.random(in: 0..<128, using: &random)
            var other = bytes
            other[flipped / 8] ^= 0x80 >> UInt8(flipped % 8)
            let address = try #require(IPAddress(networkBytes: other))
            #expect(range.contains(address) == (flipped >= length), "seed \(seed): \(range), \(address)")
            #expect(try AddressRange(range.description) == range, "seed \(seed): \(range)")
        }
    }

    @Test("addresses to listen on")
    func listening() throws {
        #expect(try ListenAddress("127.0.0.1:80") == .internet(SocketAddress(host: "127.0.0.1", port: 80)))
        #expect(try ListenAddress("[::1]:0") == .internet(SocketAddress(host: "::1", port: 0)))
        #expect(try ListenAddress("unix:/run/a b.sock") == .unix(path: "/run/a b.sock"))
        #expect(try ListenAddress("systemd") == .passed)
        for text in [
            "", "8080", ":8080", "localhost:80", "::1:80", "[127.0.0.1]:80", "1.2.3.4:65536", "1.2.3.4:+1", "[::1]",
        ] {
            #expect(throws: ListenError.invalidAddress(text)) { try ListenAddress(text) }
        }
        for path in ["", String(repeating: "a", count: 108), "/a\u{0}b"] {
            #expect(throws: ListenError.invalidPath(path)) { try ListenAddress("unix:" + path) }
        }
    }

    @Test("a client has its share of connections, is told beyond it, and is dropped far beyond")
    func connectionShares() throws {
        let shares = ConnectionShares(limit: 2)
        let one = try #require(IPAddress("10.0.0.1"))
        let other = try #require(IPAddress("10.0.0.2"))
        #expect((0..<2).map { _ in shares.take(one) } == [.admitted, .admitted])
        let refused = Int(ConnectionShares.refusalReserve)
        #expect((0..<refused).allSatisfy { _ in shares.take(one) == .refused })
        #expect(shares.take(one) == .dropped)
        #expect(shares.take(other) == .admitted)
        for _ in 0..<(refused + 1) { shares.release(one) }
        #expect(shares.take(one) == .admitted)
        for _ in 0..<2 { shares.release(one) }
        shares.release(other)
        #expect(shares.clients == 0)
    }

    @Test(
        "this machine's own connections are not counted where no number was given",
        arguments: [
            ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("128.0.0.1", false), ("::2", false),
        ])
    func loopback(address: String, isSpared: Bool) throws {
        let ip = try #require(IPAddress(address))
        #expect(ConnectionShares(limit: 1, sparesLoopback: true).counts(ip) != isSpared)
        #expect(ConnectionShares(limit: 1).counts(ip))
    }

    @Test("an error of accept that would come again at once makes accepting pause (rule 23)")
    func acceptErrors() {
        func pauses(_ code: Int32) -> Bool {
            if case .exhausted = ListeningSocket.refusal(code) { true } else { false }
        }
        func goesOn(_ code: Int32) -> Bool {
            if case .again = ListeningSocket.refusal(code) { true } else { false }
        }
        #expect([EMFILE, ENFILE, ENOBUFS, ENOMEM, EBADF, EINVAL].allSatisfy(pauses))
        #expect([ECONNABORTED, EINTR, EPROTO, ETIMEDOUT].allSatisfy(goesOn))
    }
}
