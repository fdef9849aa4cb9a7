import ArgumentParser
import HTTP

/// Where `vigil serve` listens, and whom it believes about others' addresses.
struct ListeningOptions: ParsableArguments {
    @Option(
        help: """
            Address to listen on, in place of --host and --port: HOST:PORT, [V6]:PORT, unix:/path, or systemd for the sockets \
            that were passed; can be repeated.
            """)
    var listen: [String] = []
    @Option(help: "Permissions of Unix sockets, in octal. (default: 660)")
    var socketMode: String?
    @Option(help: "Connections that the system keeps until they are accepted. (default: 1024)")
    var listenBacklog: Int?
    @Option(
        help: """
            Ranges of addresses, separated by commas, and unix for Unix sockets, whose PROXY header, Forwarded or \
            X-Forwarded-For is believed. (default: none)
            """)
    var trustedProxies: String?
    @Flag(help: "Connections from trusted proxies begin with a PROXY protocol header, version 1 or 2.")
    var proxyProtocol = false

    /// Names of the settings that have these options' values elsewhere.
    static let settingNames = ["listen", "listen-backlog", "proxy-protocol", "socket-mode", "trusted-proxies"]

    /// Puts the options into `configuration`, whose host and port are set.
    ///
    /// - Parameter namesHost: whether --host or --port is on the command line.
    func apply(to configuration: inout ServerConfiguration, _ settings: Settings, namesHost: Bool) throws {
        configuration.listen = try addresses(settings, namesHost: namesHost)
        configuration.unixSocketMode = try mode(settings)
        configuration.listenBacklog = try settings.integer(
            "listen-backlog", listenBacklog, default: 1_024, in: 1...65_535)
        configuration.trust = try trust(settings)
    }

    private func addresses(_ settings: Settings, namesHost: Bool) throws -> [ListenAddress] {
        if namesHost, !listen.isEmpty {
            throw Failure(.usage, "--listen takes the place of --host and --port: name every address by --listen")
        }
        let texts = try settings.list("listen", listen)
        // Whoever passes sockets wants them to be used.
        if texts.isEmpty, !namesHost, PassedSockets.count > 0 { return [.passed] }
        var addresses: [ListenAddress] = []
        for text in texts {
            do throws(ListenError) {
                addresses.append(try ListenAddress(text))
            } catch {
                throw Failure(listen.isEmpty ? .configuration : .usage, "--listen: \(error.description)")
            }
        }
        return addresses
    }

    private func mode(_ settings: Settings) throws -> UInt32 {
        guard let text = try settings.text("socket-mode", socketMode) else { return 0o660 }
        guard let mode = UInt32(text, radix: 8), mode <= 0o777 else {
            throw Failure(
                socketMode == nil ? .configuration : .usage, "--socket-mode \(text): expected 0 to 777, in octal")
        }
        return mode
    }

    private func trust(_ settings: Settings) throws -> TrustedProxies {
        var trust = TrustedProxies()
        for text in try settings.list("trusted-proxies", trustedProxies.map { [$0] } ?? []) {
            if text == "unix" {
                trust.includesUnixSockets = true
                continue
            }
            do throws(AddressRangeError) {
                trust.ranges.append(try AddressRange(text))
            } catch {
                throw Failure(
                    trustedProxies == nil ? .configuration : .usage, "--trusted-proxies: \(error.description)")
            }
        }
        trust.expectsProxyHeader = try settings.flag("proxy-protocol", proxyProtocol)
        guard trust.expectsProxyHeader, trust.isEmpty else { return trust }
        throw Failure(
            proxyProtocol ? .usage : .configuration,
            "--proxy-protocol needs --trusted-proxies: expected whom to believe")
    }
}
