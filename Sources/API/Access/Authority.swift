import HTTP
import Platform

/// A host, perhaps with a port: what Host says, what stands behind `://` in an origin, and what patterns are held to.
struct Authority: Sendable, Hashable {
    enum Host: Sendable, Hashable {
        /// In lower-case ASCII, without a dot at the end.
        case name(String)
        case address(IPAddress)
    }

    let host: Host
    /// Nil where none is given.
    let port: UInt16?

    /// Reads `name`, `name:port`, an IPv4 address or an IPv6 address in brackets; nil for anything else.
    init?(_ text: some StringProtocol) { self.init(text.utf8) }

    /// Reads the same from its bytes.
    init?(_ text: some Collection<UInt8>) {
        let bytes = Array(text)
        let end: Int
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")),
                let address = IPAddress(String(decoding: bytes[1..<close], as: UTF8.self)),
                bytes[..<close].contains(UInt8(ascii: ":"))
            else { return nil }
            host = .address(address)
            end = close + 1
        } else {
            end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
            guard let host = Self.host(bytes[..<end]) else { return nil }
            self.host = host
        }
        guard let port = Self.port(bytes[end...]) else { return nil }
        self.port = port
    }

    /// Whether this names loopback: 127.0.0.0/8, ::1, `localhost` and all names below it (RFC 6761, 6.3).
    var isLoopback: Bool {
        switch host {
        case .name(let name): name == "localhost" || name.ends(with: ".localhost")
        case .address(let address): address.isLoopback
        }
    }

    /// Whether a text names loopback; for what most requests say at a glance.
    static func namesLoopback(_ text: String) -> Bool {
        if text.utf8.withContiguousStorageIfAvailable(isUsualName) == true { return true }
        return Authority(text)?.isLoopback == true
    }

    private static func isUsualName(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        // Both have nine bytes.
        guard text.count >= 9, begins(text, with: "localhost") || begins(text, with: "127.0.0.1") else { return false }
        guard text.count > 9 else { return true }
        let digits = text.count - 10
        // Five digits can be beyond any port; those below 60,000 are none of them.
        guard text[9] == UInt8(ascii: ":"), digits <= 4 || digits == 5 && text[10] < UInt8(ascii: "6") else {
            return false
        }
        for index in 10..<text.count where !ASCII.isDigit(text[index]) { return false }
        return true
    }

    private static func begins(_ text: UnsafeBufferPointer<UInt8>, with name: StaticString) -> Bool {
        // Sound: the text is at least as long, and a StaticString has as many bytes at utf8Start for ever.
        for index in 0..<name.utf8CodeUnitCount where text[index] != name.utf8Start[index] { return false }
        return true
    }

    /// A name of letters, digits, dots, hyphens and underscores, or an IPv4 address of four numbers.
    private static func host(_ bytes: ArraySlice<UInt8>) -> Host? {
        var name = bytes.map(ASCII.lowercased)
        if name.last == UInt8(ascii: ".") { name.removeLast() }
        let isName = name.allSatisfy { byte in
            ASCII.isAlphanumeric(byte) || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
        }
        guard !name.isEmpty, isName else { return nil }
        let text = String(decoding: name, as: UTF8.self)
        return IPAddress(text).map { .address($0) } ?? .name(text)
    }

    /// The number behind a colon; nil inside where there is neither, or no number.
    private static func port(_ bytes: ArraySlice<UInt8>) -> UInt16?? {
        if bytes.isEmpty { return .some(nil) }
        let digits = bytes.dropFirst()
        guard bytes.first == UInt8(ascii: ":") else { return nil }
        if digits.isEmpty { return .some(nil) }
        guard digits.count <= 5, digits.allSatisfy(ASCII.isDigit),
            let port = UInt16(String(decoding: digits, as: UTF8.self))
        else { return nil }
        return .some(port)
    }
}

/// Hosts that an operator names: `vigil.example`, `*.example` for all names below, an address in numbers, or `*` for any;
/// each perhaps with a port, without which all ports fit.
struct AllowedHost: Sendable, Hashable {
    private enum Hosts: Hashable {
        case any
        /// Names that end so, `.example`.
        case below(String)
        case one(Authority.Host)
    }

    private let hosts: Hosts
    /// Nil where all ports fit.
    let port: UInt16?

    /// Reads a pattern; nil where the text is none.
    init?(_ text: String) {
        if text == "*" {
            (hosts, port) = (.any, nil)
            return
        }
        let isBelow = text.utf8.starts(with: "*.".utf8)
        guard let authority = Authority(text.utf8.dropFirst(isBelow ? 2 : 0)) else { return nil }
        port = authority.port
        guard isBelow else {
            hosts = .one(authority.host)
            return
        }
        guard case .name(let name) = authority.host else { return nil }
        hosts = .below("." + name)
    }

    /// Whether this host is one of those meant.
    ///
    /// - Parameter usual: the ports that count where none is given.
    func matches(_ authority: Authority, usualPorts usual: [UInt16] = [80, 443]) -> Bool {
        if let port {
            guard authority.port.map({ $0 == port }) ?? usual.contains(port) else { return false }
        }
        switch (hosts, authority.host) {
        case (.any, _): return true
        case (.one(let host), let other): return host == other
        case (.below(let ending), .name(let name)): return name.ends(with: ending)
        case (.below, .address): return false
        }
    }
}
