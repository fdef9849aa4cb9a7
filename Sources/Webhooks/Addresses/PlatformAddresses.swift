import Platform

extension IPAddress {
    /// Whether a cloud answers its own machines there, by this address or by the IPv4 address that it leads to.
    var isPlatform: Bool {
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
