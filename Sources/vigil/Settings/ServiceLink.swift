import HTTP
import Platform

/// The variables that Kubernetes and Docker set in a container for a service called vigil, or vigil-SOMETHING.
///
/// They count as that only with values of the form that is given to them: anything else is somebody's mistake.
enum ServiceLink {
    /// Whether the variable `name` of an environment is one of them.
    static func has(_ name: String, in environment: [String: String]) -> Bool {
        let text = environment[name] ?? ""
        let words = Self.words(of: name)
        return words.indices.dropFirst().contains { at in
            let service = words[..<at].joined(separator: "_")
            if words[at] == "ENV" {
                return words[(at + 1)...].contains { !$0.isEmpty }
                    && isLinkName(environment["\(service)_NAME"], of: service)
            }
            guard words.allSatisfy(isPlain) else { return false }
            if Array(words[at...]) == ["NAME"] { return isLinkName(text, of: service) }
            return isLink(Array(words[at...]), text)
        }
    }

    /// Whether what stands behind the service's name, and the value, belong together.
    private static func isLink(_ words: [String], _ text: String) -> Bool {
        if words == ["SERVICE", "HOST"] { return IPAddress(text) != nil }
        if words.starts(with: ["SERVICE", "PORT"]) { return port(text) != nil }
        if words == ["PORT"] { return Endpoint(text) != nil }
        guard words.count > 2, words[0] == "PORT", let first = port(words[1]),
            let transport = Transport(rawValue: words[2].asciiLowercase)
        else { return false }
        let endpoint = Endpoint(text)
        let isOfTransport = endpoint?.transport == transport
        // Docker tells the first and the last of a range of ports, too.
        switch words[3...].joined(separator: "_") {
        case "", "START": return isOfTransport && endpoint?.port == first
        case "END": return isOfTransport && (endpoint?.port ?? 0) >= first
        case "ADDR": return IPAddress(text) != nil
        case "PROTO": return Transport(rawValue: text) == transport
        case "PORT", "PORT_START": return port(text) == first
        case "PORT_END": return (port(text) ?? 0) >= first
        default: return false
        }
    }

    /// Docker's `/CONTAINER/ALIAS`, where the alias is the service.
    private static func isLinkName(_ text: String?, of service: String) -> Bool {
        let parts = (text ?? "").utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].isEmpty, !parts[1].isEmpty else { return false }
        return String(Substring(parts[2])).variableName.utf8.elementsEqual(service.utf8)
    }

    private enum Transport: String {
        case tcp, udp, sctp
    }

    /// `tcp://10.0.0.1:80`, `udp://[fd00::1]:53`.
    private struct Endpoint {
        let transport: Transport
        let port: Int

        init?(_ text: String) {
            let mark = Array("://".utf8)
            let scheme = text.utf8.prefix { $0 != UInt8(ascii: ":") }
            let rest = text.utf8.dropFirst(scheme.count)
            guard let transport = Transport(rawValue: String(Substring(scheme))), rest.starts(with: mark),
                let colon = rest.lastIndex(of: UInt8(ascii: ":")),
                let port = ServiceLink.port(String(Substring(rest[rest.index(after: colon)...])))
            else { return nil }
            var host = rest[..<colon].dropFirst(mark.count)
            let isBracketed = host.first == UInt8(ascii: "[") && host.last == UInt8(ascii: "]")
            if isBracketed { host = host.dropFirst().dropLast() }
            guard IPAddress(Substring(host)) != nil, isBracketed == host.contains(UInt8(ascii: ":")) else { return nil }
            self.transport = transport
            self.port = port
        }
    }

    /// A port as these write it: no sign, no zeros before it.
    private static func port(_ text: String) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.first != UInt8(ascii: "0"),
            text.utf8.allSatisfy(ASCII.isDigit),
            let port = Int(text), port <= 65_535
        else { return nil }
        return port
    }

    private static func words(of name: String) -> [String] {
        name.utf8.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false).map { String(Substring($0)) }
    }

    private static func isPlain(_ word: String) -> Bool {
        !word.isEmpty
            && word.utf8.allSatisfy { ASCII.isDigit($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

}
