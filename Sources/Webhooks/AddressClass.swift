import Platform

/// What an address is for, after IANA's registries of special-purpose addresses.
public enum AddressClass: Sendable, Hashable {
    /// A unicast address of the Internet: the only kind that notices go to by themselves.
    case global
    /// 0.0.0.0 and ::, which mean this machine to some systems.
    case unspecified
    /// The rest of 0.0.0.0/8.
    case thisNetwork
    /// 127.0.0.0/8 and ::1.
    case loopback
    /// RFC 1918: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16.
    case privateUse
    /// 100.64.0.0/10, between providers and their customers.
    case sharedSpace
    /// 169.254.0.0/16, where clouds tell their machines' secrets, and fe80::/10.
    case linkLocal
    /// 192.0.0.0/24.
    case protocolAssignments
    /// 198.18.0.0/15 and 2001:2::/48.
    case benchmarking
    /// 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32 and 3fff::/20.
    case documentation
    /// 224.0.0.0/4 and ff00::/8.
    case multicast
    /// 255.255.255.255.
    case broadcast
    /// The rest of 240.0.0.0/4, and of IPv6 all that is not given out as global unicast.
    case reserved
    /// fc00::/7, the private addresses of IPv6.
    case uniqueLocal
    /// fec0::/10, their predecessors.
    case siteLocal
    /// 64:ff9b:1::/48, translated to IPv4 as each network likes.
    case localTranslation
    /// Where a cloud's machines find what is theirs alone, such as their credentials; whatever registries call it.
    case platform

    /// Whether nothing is sent there, whatever is allowed.
    public var isNeverAllowed: Bool {
        switch self {
        case .unspecified, .multicast, .broadcast: true
        default: false
        }
    }

    /// In the words of an error, after "is".
    var words: String {
        switch self {
        case .global: "a public address"
        case .unspecified: "no address of anyone's"
        case .thisNetwork: "an address of this network"
        case .loopback: "this machine's own address"
        case .privateUse: "a private address"
        case .sharedSpace: "an address shared behind a provider"
        case .linkLocal: "a link-local address"
        case .protocolAssignments: "an address kept for protocols"
        case .benchmarking: "an address kept for benchmarks"
        case .documentation: "an address kept for documentation"
        case .multicast: "a multicast address"
        case .broadcast: "the broadcast address"
        case .reserved: "a reserved address"
        case .uniqueLocal: "a private address"
        case .siteLocal: "a site-local address"
        case .localTranslation: "an address translated within a network"
        case .platform: "an address that a cloud keeps for its own machines"
        }
    }
}

extension IPAddress {
    /// What the address is for. One that embeds an IPv4 address is what that is for.
    public var addressClass: AddressClass {
        let registered = registeredClass
        return isPlatform && !registered.isNeverAllowed ? .platform : registered
    }

    /// What the address is for by the registries alone, whatever clouds have made of it.
    var registeredClass: AddressClass {
        four.map(Self.classOfFour) ?? Self.classOfSix(high, low)
    }

    private static let fourBlocks: [(base: UInt32, length: UInt32, kind: AddressClass)] = [
        (0x0000_0000, 32, .unspecified), (0x0000_0000, 8, .thisNetwork), (0x7F00_0000, 8, .loopback),
        (0x0A00_0000, 8, .privateUse), (0xAC10_0000, 12, .privateUse), (0xC0A8_0000, 16, .privateUse),
        (0x6440_0000, 10, .sharedSpace), (0xA9FE_0000, 16, .linkLocal), (0xC000_0000, 24, .protocolAssignments),
        (0xC612_0000, 15, .benchmarking), (0xC000_0200, 24, .documentation), (0xC633_6400, 24, .documentation),
        (0xCB00_7100, 24, .documentation), (0xE000_0000, 4, .multicast), (0xFFFF_FFFF, 32, .broadcast),
        (0xF000_0000, 4, .reserved),
    ]

    private static func classOfFour(_ bits: UInt32) -> AddressClass {
        fourBlocks.first { (bits ^ $0.base) >> (32 - $0.length) == 0 }?.kind ?? .global
    }

    /// Blocks told apart by their first 64 bits.
    private static let sixBlocks: [(base: UInt64, length: UInt64, kind: AddressClass)] = [
        (0xFF00 << 48, 8, .multicast), (0xFC00 << 48, 7, .uniqueLocal), (0xFE80 << 48, 10, .linkLocal),
        (0xFEC0 << 48, 10, .siteLocal), (0x0064_FF9B_0001 << 16, 48, .localTranslation),
        (0x2001_0DB8 << 32, 32, .documentation), (0x3FFF << 48, 20, .documentation),
        (0x2001_0002 << 32, 48, .benchmarking), (0x2001_0010 << 32, 28, .reserved),
        (0x2001_0020 << 32, 28, .reserved),
    ]

    private static func classOfSix(_ high: UInt64, _ low: UInt64) -> AddressClass {
        if high == 0, low == 0 { return .unspecified }
        if high == 0, low == 1 { return .loopback }
        let embedded = embeddedFours(high, low).map(classOfFour)
        if !embedded.isEmpty {
            return embedded.first { $0.isNeverAllowed } ?? embedded.first { $0 != .global } ?? .global
        }
        if let block = sixBlocks.first(where: { (high ^ $0.base) >> (64 - $0.length) == 0 }) { return block.kind }
        // What IANA has given out as global unicast is 2000::/3; the rest awaits a purpose.
        return high >> 61 == 1 ? .global : .reserved
    }

    /// The IPv4 addresses that packets to an IPv6 address may end at.
    static func embeddedFours(_ high: UInt64, _ low: UInt64) -> [UInt32] {
        let last = UInt32(truncatingIfNeeded: low)
        // IPv4-compatible ::/96, IPv4-translated ::ffff:0:0:0/96. One that is IPv4-mapped, ::ffff:0:0/96, is that address.
        if high == 0, [0, 0xFFFF_0000].contains(low >> 32) { return [last] }
        // NAT64: 64:ff9b::/96.
        if high == 0x0064_FF9B << 32, low >> 32 == 0 { return [last] }
        // 6to4: 2002::/16.
        if high >> 48 == 0x2002 { return [UInt32(truncatingIfNeeded: high >> 16)] }
        // Teredo, 2001::/32: the server's address, and the client's with its bits turned over.
        if high >> 32 == 0x2001_0000 { return [UInt32(truncatingIfNeeded: high), ~last] }
        return []
    }
}

extension IPAddress {
    /// Whether a cloud answers its own machines there, by this address or by the IPv4 address that it leads to.
    fileprivate var isPlatform: Bool {
        if let four { return Self.isPlatform(four) }
        return Self.embeddedFours(high, low).contains(where: Self.isPlatform)
            || Self.sixPlatforms.contains { block in
                masked(to: block.length) == IPAddress(high: block.high, low: block.low)
            }
    }

    private static func isPlatform(_ bits: UInt32) -> Bool {
        fourPlatforms.contains { (bits ^ $0.base) >> (32 - $0.length) == 0 }
    }

    /// As the clouds' documentation has them. Those that look public are the reason for the table; the others are in it
    /// because leave for private networks is not leave for a machine's credentials.
    private static let fourPlatforms: [(base: UInt32, length: UInt32)] = [
        // Azure: its agent, DNS and health probes, 168.63.129.16.
        (0xA83F_8110, 32),
        // AWS, Google, Azure, Oracle, DigitalOcean, OpenStack and others: instance metadata, 169.254.169.254.
        (0xA9FE_A9FE, 32),
        // AWS: DNS and time, 169.254.169.253 and .123; credentials of containers, 169.254.170.2 and .23.
        (0xA9FE_A9FD, 32), (0xA9FE_A97B, 32), (0xA9FE_AA02, 32), (0xA9FE_AA17, 32),
        // Scaleway, 169.254.42.42; Tencent, 169.254.0.23 and 169.254.10.10.
        (0xA9FE_2A2A, 32), (0xA9FE_0017, 32), (0xA9FE_0A0A, 32),
        // Alibaba, 100.100.100.200; Volcengine, 100.96.0.96; Oracle Cloud Classic, 192.0.0.192.
        (0x6464_64C8, 32), (0x6460_0060, 32), (0xC000_00C0, 32),
        // IBM: its services and their private endpoints, 161.26.0.0/16 and 166.8.0.0/14.
        (0xA11A_0000, 16), (0xA608_0000, 14),
        // Google: its APIs for machines without a public address, 199.36.153.4/30 and 199.36.153.8/30, and 34.126.0.0/18.
        (0xC724_9904, 30), (0xC724_9908, 30), (0x227E_0000, 18),
    ]

    private static let sixPlatforms: [(high: UInt64, low: UInt64, length: Int)] = [
        // AWS: metadata, DNS, time and credentials of pods, fd00:ec2::/32.
        (0xFD00_0EC2 << 32, 0, 32),
        // Google, fd20:ce::254, and its APIs, 2600:2d00:2:1000::/56 and 2600:2d00:2:2000::/56.
        (0xFD20_00CE << 32, 0x254, 128), (0x2600_2D00_0002_1000, 0, 56), (0x2600_2D00_0002_2000, 0, 56),
        // Oracle, fd00:c1::a9fe:a9fe; Scaleway, fd00:42::42; Akamai, fd00:a9fe:a9fe::1; Alibaba, fd00:100::100:200.
        (0xFD00_00C1 << 32, 0xA9FE_A9FE, 128), (0xFD00_0042 << 32, 0x42, 128), (0xFD00_A9FE_A9FE << 16, 1, 128),
        (0xFD00_0100 << 32, 0x0100_0200, 128),
        // OpenStack, fe80::a9fe:a9fe.
        (0xFE80 << 48, 0xA9FE_A9FE, 128),
    ]
}
