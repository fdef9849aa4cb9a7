import Platform

/// Hosts that notices may go to: `hooks.example.com`, `*.example.com` for all names below, an address in numbers, or
/// `*` for any; each perhaps with a port, without which all ports fit.
public struct HostPattern: Sendable, Hashable, CustomStringConvertible {
    private enum Hosts: Hashable {
        case any
        /// Names that end so, `.example.com`.
        case below(String)
        case one(WebhookURL.Host)
    }

    private let hosts: Hosts
    private let port: UInt16?

    /// Reads a pattern.
    public init(_ text: String) throws(HostPatternError) {
        let problem: String
        do throws(WebhookURLError) {
            guard text.utf8.count <= 300 else { throw .tooLong(text.utf8.count) }
            (hosts, port) = try Self.read(Array(text.utf8))
            return
        } catch {
            problem =
                switch error {
                case .host(let problem): problem
                case .port: "the port is no number from 1 to 65535"
                default: "it is too long"
                }
        }
        throw HostPatternError(text, problem)
    }

    private static func read(_ bytes: [UInt8]) throws(WebhookURLError) -> (Hosts, UInt16?) {
        let all = bytes[...]
        if all.contains(UInt8(ascii: "/")) {
            let isURL = zip(all, all.dropFirst()).contains { $0 == (UInt8(ascii: "/"), UInt8(ascii: "/")) }
            throw .host(
                isURL
                    ? "it is a URL, of which the host alone is to be named"
                    : "a host has no path, and a network can't be named")
        }
        if all.first == UInt8(ascii: "[") {
            guard let end = all.firstIndex(of: UInt8(ascii: "]")),
                let address = IPAddress(String(decoding: all[1..<end], as: UTF8.self)),
                all[..<end].contains(UInt8(ascii: ":"))
            else { throw .host("what stands in brackets is no IPv6 address") }
            return (.one(.address(address)), try WebhookURL.port(all[(end + 1)...]))
        }
        let end = all.firstIndex(of: UInt8(ascii: ":")) ?? all.endIndex
        let port = try WebhookURL.port(all[end...])
        let host = all[..<end]
        if host.elementsEqual("*".utf8) { return (.any, port) }
        guard host.starts(with: "*.".utf8) else { return (.one(try WebhookURL.host(host)), port) }
        guard case .name(let name) = try WebhookURL.host(host.dropFirst(2)) else {
            throw .host("below an address in numbers there are no names")
        }
        return (.below("." + name), port)
    }

    /// Whether the URL's host and port are among those meant.
    public func matches(_ url: WebhookURL) -> Bool {
        guard port == nil || port == url.port else { return false }
        switch (hosts, url.host) {
        case (.any, _): return true
        case (.one(let host), let other): return host == other
        case (.below(let ending), .name(let name)): return name.ends(with: ending)
        case (.below, .address): return false
        }
    }

    /// Whether it means one host alone.
    var isOneHost: Bool { if case .one = hosts { true } else { false } }

    /// As it is read.
    public var description: String {
        let text =
            switch hosts {
            case .any: "*"
            case .below(let ending): "*\(ending)"
            case .one(let host): "\(host)"
            }
        return port.map { "\(text):\($0)" } ?? text
    }
}

/// Why a text is no pattern of hosts.
public struct HostPatternError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One plain sentence.
    public let description: String

    init(_ text: String, _ problem: String) {
        description =
            "'\(text.prefix(80))' names no hosts: \(problem); expected hooks.example.com, *.example.com or *, perhaps "
            + "with :PORT"
    }
}
