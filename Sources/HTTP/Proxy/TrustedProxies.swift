import HTTPTypes
import Platform

/// The proxies that may say for whom they speak.
///
/// What others say about that is never looked at, since anybody can write it.
public struct TrustedProxies: Sendable, Equatable {
    /// Where they are.
    public var ranges: [AddressRange]
    /// Whether who comes by a Unix socket is one.
    public var includesUnixSockets: Bool
    /// Whether each of their connections begins with a PROXY header.
    public var expectsProxyHeader: Bool

    /// By default there are none.
    public init(ranges: [AddressRange] = [], includesUnixSockets: Bool = false, expectsProxyHeader: Bool = false) {
        self.ranges = ranges
        self.includesUnixSockets = includesUnixSockets
        self.expectsProxyHeader = expectsProxyHeader
    }

    /// Whether there are none.
    public var isEmpty: Bool { ranges.isEmpty && !includesUnixSockets }

    /// Whether a proxy is at this address.
    public func contains(_ address: SocketAddress) -> Bool {
        guard !isEmpty else { return false }
        if address == .unix { return includesUnixSockets }
        guard !ranges.isEmpty, let ip = address.ip else { return false }
        return ranges.contains { $0.contains(ip) }
    }

    /// For whom a request was sent: hop by hop from the nearest one, for as long as a trusted proxy says who came to it.
    ///
    /// Of `Forwarded` and `X-Forwarded-For` a proxy writes one, and may pass on the other as the client wrote it. So where
    /// both are there and differ, neither is believed.
    ///
    /// Who came to a proxy on this machine that does not say so is unknown, and not the proxy: this machine's own clients
    /// have rights that others have not.
    func client(of fields: HeaderFields, from nearest: SocketAddress) -> SocketAddress {
        guard contains(nearest) else { return nearest }
        let forwarded = fields.values(for: .forwarded)
        let forwardedFor = fields.values(for: .xForwardedFor)
        let client = client(forwarded, forwardedFor, from: nearest)
        let isHere = client == .unix || client.ip?.isLoopback == true
        return client == nearest && isHere && !(forwarded.isEmpty && forwardedFor.isEmpty) ? .unknown : client
    }

    private func client(
        _ forwarded: [String], _ forwardedFor: [String], from nearest: SocketAddress
    ) -> SocketAddress {
        guard !forwarded.isEmpty else { return client(from: nearest, hops: ForwardedHops.list(in: forwardedFor)) }
        let client = client(from: nearest, hops: ForwardedHops.elements(in: forwarded))
        guard !forwardedFor.isEmpty else { return client }
        let other = self.client(from: nearest, hops: ForwardedHops.list(in: forwardedFor))
        return other.host == client.host ? client : nearest
    }

    private func client(from nearest: SocketAddress, hops: [ForwardedHop]) -> SocketAddress {
        var client = nearest
        for hop in hops.reversed() {
            guard contains(client), case .address(let address) = hop else { break }
            client = address
        }
        return client
    }
}

extension HTTPField.Name {
    /// RFC 7239.
    static let forwarded = Self("Forwarded")!
    /// What most proxies write.
    static let xForwardedFor = Self("X-Forwarded-For")!
}

/// Who came to a proxy, as that proxy says.
private enum ForwardedHop: Equatable {
    case address(SocketAddress)
    /// Not told: `unknown`, an obfuscated name, or what can't be read.
    case hidden
}

/// Reads the two fields that list hops, the client first and the nearest proxy's last.
private enum ForwardedHops {
    /// The hops of `X-Forwarded-For`: addresses with or without a port, between commas.
    static func list(in lines: [String]) -> [ForwardedHop] {
        lines.flatMap { line in
            line.utf8.split(separator: ASCII.comma, omittingEmptySubsequences: false).map { element in
                node(String(decoding: FieldText.trimmed(Array(element)[...]), as: UTF8.self))
            }
        }
    }

    /// The hops of `Forwarded` (RFC 7239, 4), one an element. A line that is malformed anywhere is one hidden hop: where
    /// its elements begin can't be known, as a client may have left a quote open on purpose.
    static func elements(in lines: [String]) -> [ForwardedHop] {
        lines.flatMap { elements(in: $0) ?? [.hidden] }
    }

    private static func elements(in line: String) -> [ForwardedHop]? {
        var scanner = FieldScanner(line)
        var hops: [ForwardedHop] = []
        scanner.skipBlanks()
        repeat {
            var hop: ForwardedHop?
            repeat {
                guard let name = scanner.token() else { continue }
                guard scanner.take(ASCII.equals), let value = scanner.value() else { return nil }
                guard ASCII.lowercased(name) == "for" else { continue }
                // Each parameter may come once in an element.
                guard hop == nil else { return nil }
                hop = node(value)
            } while scanner.take(ASCII.semicolon)
            hops.append(hop ?? .hidden)
        } while scanner.take(ASCII.comma)
        scanner.skipBlanks()
        return scanner.isAtEnd ? hops : nil
    }

    /// A node: an IPv4 address, or an IPv6 one in brackets, with or without a port (RFC 7239, 6). `X-Forwarded-For` has
    /// IPv6 addresses without brackets too.
    static func node(_ text: String) -> ForwardedHop {
        if let ip = IPAddress(text) { return .address(SocketAddress(ip, port: 0)) }
        if text.begins(with: "[") {
            guard let close = text.utf8.firstIndex(of: ASCII.closeBracket),
                let port = port(text[text.utf8.index(after: close)...]),
                let ip = IPAddress(Substring(text.utf8[..<close].dropFirst())),
                text.utf8[..<close].contains(ASCII.colon)
            else { return .hidden }
            return .address(SocketAddress(ip, port: port))
        }
        guard let colon = text.utf8.firstIndex(of: ASCII.colon), let ip = IPAddress(text[..<colon]),
            let port = port(text[colon...])
        else { return .hidden }
        return .address(SocketAddress(ip, port: port))
    }

    /// Nothing, or a colon with a number or an obfuscated name behind it, which is no port; nil for anything else.
    private static func port(_ text: Substring) -> UInt16? {
        if text.isEmpty { return 0 }
        guard let digits = text.rest(after: ":") else { return nil }
        if digits.utf8.first == UInt8(ascii: "_") {
            return digits.utf8.dropFirst().allSatisfy(ByteSet.token.contains) ? 0 : nil
        }
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy(ASCII.isDigit) else { return nil }
        return UInt16(digits)
    }
}
