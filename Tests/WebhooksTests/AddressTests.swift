import Platform
import Testing

@testable import Webhooks

@Suite("what addresses are for")
struct AddressTests {
    /// The first and the last address of each block, and those just outside.
    static let blocks: [(kind: AddressClass, inside: [String], outside: [String])] = [
        (.unspecified, ["0.0.0.0", "::"], ["0.0.0.1", "::1"]),
        (.thisNetwork, ["0.0.0.1", "0.255.255.255"], ["0.0.0.0", "1.0.0.0"]),
        (.privateUse, ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]),
        (.privateUse, ["172.16.0.0", "172.31.255.255"], ["172.15.255.255", "172.32.0.0"]),
        (.privateUse, ["192.168.0.0", "192.168.255.255"], ["192.167.255.255", "192.169.0.0"]),
        (.sharedSpace, ["100.64.0.0", "100.127.255.255"], ["100.63.255.255", "100.128.0.0"]),
        (.loopback, ["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"], ["126.255.255.255", "128.0.0.0", "::2"]),
        (
            .linkLocal, ["169.254.0.0", "169.254.169.252", "169.254.255.255", "fe80::", "febf:ffff::"],
            ["169.253.255.255", "169.255.0.0", "fe7f:ffff::", "fec0::"]
        ),
        (.protocolAssignments, ["192.0.0.0", "192.0.0.255"], ["191.255.255.255", "192.0.1.0"]),
        (
            .documentation,
            ["192.0.2.0", "192.0.2.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255"],
            ["192.0.1.255", "192.0.3.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0"]
        ),
        (
            .documentation, ["2001:db8::", "2001:db8:ffff::", "3fff::", "3fff:fff:ffff::"],
            ["2001:db7:ffff::", "2001:db9::", "3ffe:ffff::", "3fff:1000::"]
        ),
        (
            .benchmarking, ["198.18.0.0", "198.19.255.255", "2001:2::", "2001:2:0:ffff::"],
            ["198.17.255.255", "198.20.0.0", "2001:1:ffff:ffff::", "2001:2:1::"]
        ),
        (
            .multicast, ["224.0.0.0", "239.255.255.255", "ff00::", "ff02::1", "ffff:ffff::"],
            ["223.255.255.255", "240.0.0.0", "feff:ffff::"]
        ),
        (.reserved, ["240.0.0.0", "255.255.255.254"], ["239.255.255.255", "255.255.255.255"]),
        (.broadcast, ["255.255.255.255"], ["255.255.255.254"]),
        (.uniqueLocal, ["fc00::", "fd12:3456::1", "fdff:ffff::"], ["fbff:ffff::", "fe00::"]),
        (.siteLocal, ["fec0::", "feff:ffff::"], ["febf:ffff::", "ff00::"]),
        (.localTranslation, ["64:ff9b:1::", "64:ff9b:1:ffff::"], ["64:ff9b::808:808", "64:ff9b:2::"]),
        (
            .reserved, ["100::", "1fff:ffff::", "4000::", "5f00::", "64:ff9b:2::", "2001:10::", "2001:2f:ffff::"],
            ["2000::", "3ffe:ffff::", "2001:f:ffff::", "2001:30::"]
        ),
        (
            .platform, ["168.63.129.16"], ["168.63.129.15", "168.63.129.17"]
        ),
        (
            .platform,
            [
                "169.254.169.254", "169.254.169.253", "169.254.169.123", "169.254.170.2", "169.254.170.23",
                "169.254.42.42", "169.254.0.23", "169.254.10.10", "100.100.100.200", "100.96.0.96", "192.0.0.192",
            ],
            ["169.254.169.255", "169.254.170.3", "100.100.100.199", "100.96.0.97", "192.0.0.191", "192.0.0.193"]
        ),
        (
            .platform,
            ["161.26.0.0", "161.26.255.255", "166.8.0.0", "166.11.255.255", "34.126.0.0", "34.126.63.255"],
            ["161.25.255.255", "161.27.0.0", "166.7.255.255", "166.12.0.0", "34.125.255.255", "34.126.64.0"]
        ),
        (
            .platform, ["199.36.153.4", "199.36.153.7", "199.36.153.8", "199.36.153.11"],
            ["199.36.153.3", "199.36.153.12"]
        ),
        (
            .platform,
            [
                "fd00:ec2::", "fd00:ec2::23", "fd00:ec2::254", "fd00:ec2:ffff:ffff::", "fd20:ce::254",
                "fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200", "fe80::a9fe:a9fe",
                "2600:2d00:2:1000::", "2600:2d00:2:20ff:ffff::",
            ],
            [
                "fd00:ec1:ffff::", "fd00:ec3::", "fd20:ce::253", "fd00:c1::a9fe:a9ff", "fd00:42::43",
                "fd00:a9fe:a9fe::2", "fd00:100::100:201", "fe80::a9fe:a9fd", "2600:2d00:2:fff::",
                "2600:2d00:2:1100::", "2600:2d00:2:2100::",
            ]
        ),
        (
            .global, ["1.0.0.0", "8.8.8.8", "223.255.255.255", "2000::", "2606:4700::1111", "2a00:1450::"],
            ["10.1.1.1", "fd00::1"]
        ),
    ]

    @Test("each block, and its nearest neighbours", arguments: blocks.indices)
    func table(index: Int) throws {
        let (kind, inside, outside) = Self.blocks[index]
        for text in inside { #expect(try #require(IPAddress(text)).addressClass == kind, "\(text)") }
        for text in outside { #expect(try #require(IPAddress(text)).addressClass != kind, "\(text)") }
    }

    @Test(
        "an IPv6 address that leads to an IPv4 one is what that is",
        arguments: [
            "::ffff:%", "::%", "::ffff:0:%", "64:ff9b::%",
        ])
    func embedded(form: String) throws {
        for (four, kind) in [
            ("127.0.0.1", AddressClass.loopback), ("10.1.2.3", .privateUse), ("169.254.169.254", .platform),
            ("168.63.129.16", .platform), ("192.0.0.192", .platform), ("169.254.1.1", .linkLocal),
            ("224.0.0.1", .multicast), ("255.255.255.255", .broadcast), ("8.8.8.8", .global),
        ] {
            let text = form.replacing("%", with: four)
            #expect(try #require(IPAddress(text)).addressClass == kind, "\(text)")
        }
    }

    @Test("6to4 and Teredo addresses are what the IPv4 addresses in them are")
    func tunnels() throws {
        for (text, kind) in [
            ("2002:7f00:1::1", AddressClass.loopback), ("2002:a00:1::", .privateUse), ("2002:a9fe:a9fe::1", .platform),
            ("2002:e000:1::", .multicast), ("2002:808:808::1", .global), ("2002:a83f:8110::1", .platform),
            // Server 8.8.8.8; the clients 127.0.0.1, 10.0.0.1 and 8.8.4.4 are turned over.
            ("2001:0:808:808:0:0:80ff:fffe", .loopback), ("2001:0:808:808:0:0:f5ff:fffe", .privateUse),
            ("2001:0:808:808:0:0:57c0:7eef", .platform), ("2001:0:a83f:8110:0:0:f7f7:fbfb", .platform),
            ("2001:0:808:808:0:0:f7f7:fbfb", .global), ("2001:0:a00:1:0:0:f7f7:fbfb", .privateUse),
            // A private server and a multicast client: the worse counts.
            ("2001:0:a00:1:0:0:1fff:fffe", .multicast),
        ] {
            #expect(try #require(IPAddress(text)).addressClass == kind, "\(text)")
        }
    }

    @Test("without leave only public addresses are taken; with it all but those of nobody, of many and of a platform")
    func leave() throws {
        let url = try WebhookURL("http://a/")
        let strict = WebhookPolicy(allowedHosts: [try HostPattern("*")])
        var loose = strict
        loose.allowsPrivateAddresses = true
        for (kind, inside, _) in Self.blocks {
            for text in inside {
                let address = try #require(IPAddress(text))
                let isStrict = (try? strict.check(address, of: url)) != nil
                let isLoose = (try? loose.check(address, of: url)) != nil
                #expect(isStrict == (kind == .global), "\(text)")
                #expect(isLoose == ![.unspecified, .multicast, .broadcast, .platform].contains(kind), "\(text)")
            }
        }
    }

    @Test("a platform's address is taken where it is named outright, in the URL as in the setting, and for no name")
    func named() throws {
        var policy = WebhookPolicy(allowedHosts: [try HostPattern("168.63.129.16:80"), try HostPattern("*")])
        let azure = try #require(IPAddress("168.63.129.16"))
        let refusal = WebhookRefusal.addressNotAllowed(host: "168.63.129.16", azure, .platform)
        #expect(throws: Never.self) { try policy.check(WebhookURL("http://168.63.129.16/a")) }
        #expect(throws: refusal) { try policy.check(WebhookURL("http://168.63.129.16:81/")) }
        // The same address in another form.
        #expect(throws: Never.self) { try policy.check(WebhookURL("http://[::ffff:168.63.129.16]/")) }
        #expect(throws: WebhookRefusal.self) { try policy.check(azure, of: WebhookURL("http://wire.example/")) }
        #expect(throws: Never.self) { try policy.check(azure, of: WebhookURL("http://168.63.129.16/")) }
        policy.allowedHosts = [try HostPattern("*")]
        policy.allowsPrivateAddresses = true
        #expect(throws: refusal) { try policy.check(WebhookURL("http://168.63.129.16/a")) }
        // One that is no public address for others either needs the leave for those too.
        policy.allowedHosts = [try HostPattern("169.254.169.254"), try HostPattern("[fd00:ec2::254]")]
        for text in ["http://169.254.169.254/", "http://[fd00:ec2::254]/"] {
            #expect(throws: Never.self) { try policy.check(WebhookURL(text)) }
        }
        policy.allowsPrivateAddresses = false
        for text in ["http://169.254.169.254/", "http://[fd00:ec2::254]/"] {
            #expect(throws: WebhookRefusal.self) { try policy.check(WebhookURL(text)) }
        }
    }

    @Test("the refusal says what the address is")
    func words() throws {
        let policy = WebhookPolicy(allowedHosts: [try HostPattern("*")], allowsPrivateAddresses: true)
        let error = #expect(throws: WebhookRefusal.self) { try policy.check(WebhookURL("http://168.63.129.16/")) }
        let words = "168.63.129.16 is an address that a cloud keeps for its own machines"
        #expect(error?.description.hasSuffix(words) == true)
    }

    @Test("an address is the same after the kernel's form, its interface too")
    func roundTrip() throws {
        let scoped = IPAddress(high: 0xFE80 << 48, low: 7, scope: 3)
        let others = try ["127.0.0.1", "255.1.2.3", "2001:db8::1:2"].map { try #require(IPAddress($0)) }
        for address in others + [scoped] {
            #expect(address.withSocketAddress(port: 80) { IPAddress($0, length: $1) } == address)
            #expect(address.withSocketAddress(port: 80) { IPAddress($0, length: $1 - 1) } == nil)
        }
    }
}
