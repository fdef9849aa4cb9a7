import HTTP
import HTTPTypes
import Platform

/// The names under which a server answers.
///
/// A page of any site can have its own name resolve to 127.0.0.1 and then read what a server there answers as if it were
/// its own (DNS rebinding). The browser tells the name in Host, which no page can change.
public struct HostRules: Sendable {
    private let patterns: [AllowedHost]
    private let isChecked: Bool
    private let sparesUnixSockets: Bool

    /// Loopback's names are always taken, and all that the operator names.
    ///
    /// - Parameters:
    ///   - texts: `vigil.example`, `*.example`, addresses in numbers, `*` for any; each perhaps with a port.
    ///   - isOpenOnThisMachine: whether the server is for this machine alone and asks nobody for a key; then names are
    ///     checked though none is given. Who comes by a Unix socket is then no browser, and may use any.
    public init(_ texts: [String] = [], isOpenOnThisMachine: Bool = false) throws(AccessRuleError) {
        var patterns: [AllowedHost] = []
        for text in texts {
            guard let pattern = AllowedHost(text) else {
                throw AccessRuleError(
                    "'\(text.prefix(80))' names no hosts: expected vigil.example, *.example, an address in numbers or *, "
                        + "perhaps with :PORT")
            }
            patterns.append(pattern)
        }
        self.patterns = patterns
        isChecked = isOpenOnThisMachine || !patterns.isEmpty
        sparesUnixSockets = patterns.isEmpty
    }

    private init() {
        patterns = []
        isChecked = false
        sparesUnixSockets = true
    }

    /// All names are taken.
    public static let none = HostRules()

    /// Whether a request may name the server as it does. One that does not say a name, which HTTP/1.0 allows, is from no
    /// browser.
    func takes(_ named: NamedHost, from peer: SocketAddress) -> Bool {
        guard isChecked, !(sparesUnixSockets && peer == .unix), let text = named.text else { return true }
        if named.isLoopback == true { return true }
        guard !patterns.isEmpty, let authority = Authority(text) else { return false }
        return patterns.contains { $0.matches(authority) }
    }
}

/// The name that a request has for the server, looked at once.
struct NamedHost {
    /// As it came, nil where the request does not say it.
    let text: String?
    /// Whether it names loopback, nil where it is not said.
    let isLoopback: Bool?

    init(_ text: String?) {
        self.text = text
        isLoopback = text.map { Authority.namesLoopback($0) }
    }
}

/// Why a text is no rule of access: one sentence.
public struct AccessRuleError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}
