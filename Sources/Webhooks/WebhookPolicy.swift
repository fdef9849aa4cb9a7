import Platform

/// Whom notices may be sent to. By default that is nobody: the URLs come from clients, and whoever can make a server
/// send requests where it likes reaches what only the server should.
public struct WebhookPolicy: Sendable, Equatable {
    /// The hosts; with none of them callbacks are off.
    public var allowedHosts: [HostPattern]
    /// Whether notices may go to this machine and to private networks; not to what a cloud keeps for its machines, which
    /// has to be among the hosts by its address.
    public var allowsPrivateAddresses: Bool
    /// Whether notices may go over the wire unencrypted; they are signed all the same.
    public var allowsPlainHTTP: Bool

    /// A policy from its parts.
    public init(
        allowedHosts: [HostPattern] = [], allowsPrivateAddresses: Bool = false, allowsPlainHTTP: Bool = true
    ) {
        self.allowedHosts = allowedHosts
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.allowsPlainHTTP = allowsPlainHTTP
    }

    /// Whether there is a host at all that callbacks may name.
    public var isOn: Bool { !allowedHosts.isEmpty }

    /// What can be said before anything is resolved; to be asked when a client names a URL, and again at each try.
    public func check(_ url: WebhookURL) throws(WebhookRefusal) {
        guard isOn else { throw .off }
        guard url.scheme == .https || allowsPlainHTTP else { throw .plainHTTP }
        guard allowedHosts.contains(where: { $0.matches(url) }) else { throw .hostNotAllowed(url.authority) }
        // Where every resolver looks it up alike (RFC 6761, 6.3), a client can be told at once.
        if case .name(let name) = url.host, !allowsPrivateAddresses,
            name == "localhost" || name.ends(with: ".localhost")
        {
            throw .addressNotAllowed(host: name, IPAddress(four: 0x7f00_0001), .loopback)
        }
        if case .address(let address) = url.host { try check(address, of: url) }
    }

    /// Whether a connection may be made to an address that the host was resolved to.
    func check(_ address: IPAddress, of url: WebhookURL) throws(WebhookRefusal) {
        var kind = address.addressClass
        // What the operator has named outright is a place like others; a name that leads there is not.
        if kind == .platform, names(address, of: url) { kind = address.registeredClass }
        guard kind != .global, kind == .platform || kind.isNeverAllowed || !allowsPrivateAddresses else { return }
        throw .addressNotAllowed(host: "\(url.host)", address, kind)
    }
}

extension WebhookPolicy {
    /// Whether the URL has this address in numbers, and so have the allowed hosts.
    private func names(_ address: IPAddress, of url: WebhookURL) -> Bool {
        url.host == .address(address) && allowedHosts.contains { $0.isOneHost && $0.matches(url) }
    }
}

/// Why no notice is sent to a URL.
public enum WebhookRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// No hosts are allowed.
    case off
    /// It would go over plain HTTP.
    case plainHTTP
    /// Host and port are none of those allowed.
    case hostNotAllowed(String)
    /// The host has an address, in the URL or by its name, that notices do not go to.
    case addressNotAllowed(host: String, IPAddress, AddressClass)

    /// One plain sentence without its full stop. It tells an address that a name has, which is for operators: a client
    /// may learn of private networks by it.
    public var description: String {
        switch self {
        case .off: "callbacks are off: no host is allowed"
        case .plainHTTP: "callbacks go over https alone"
        case .hostNotAllowed(let host): "callbacks to \(host) are not allowed"
        case .addressNotAllowed(let host, let address, let kind):
            "callbacks to \(host) are not allowed: \(address) is \(kind.words)"
        }
    }
}

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
