import HTTP
import Platform

/// Where `vigil serve` listens, and whom it believes about others' addresses.
struct ListeningOptions {
    let settings: Settings

    /// Puts the options into `configuration`.
    func apply(to configuration: inout ServerConfiguration) throws {
        try check()
        configuration.host = try settings.text("host") ?? configuration.host
        configuration.port = UInt16(try settings.integer("port"))
        configuration.listen = try addresses()
        configuration.unixSocketMode = UInt32(try settings.integer("socket-mode"))
        configuration.listenBacklog = try settings.integer("listen-backlog")
        configuration.trust = try trust()
    }

    /// What a server listens on, whatever else it has.
    func configuration() throws(Failure) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        do { try apply(to: &configuration) } catch { throw Failure(error) ?? Failure(.internal, "\(error)") }
        return configuration
    }

    /// Throws where the host is no address.
    func check() throws {
        guard settings.place(of: "host") != nil, let host = try settings.text("host"), IPAddress(host) == nil else {
            return
        }
        throw settings.failure("host", ListenError.invalidHost(host).description)
    }

    /// Where to listen in the place of host and port; nothing where those count.
    func addresses() throws -> [ListenAddress] {
        let namesHost = settings.place(of: "host") == .option || settings.place(of: "port") == .option
        let texts = try settings.list("listen")
        if namesHost {
            guard settings.place(of: "listen") == .option else { return [] }
            throw Failure(.usage, "--listen takes the place of --host and --port: name every address by --listen")
        }
        // Whoever passes sockets wants them to be used.
        if texts.isEmpty, PassedSockets.count > 0 { return [.passed] }
        return try texts.map { text in
            do throws(ListenError) { return try ListenAddress(text) } catch {
                throw settings.failure("listen", error.description)
            }
        }
    }

    /// Whom to believe.
    func trust() throws -> TrustedProxies {
        var trust = TrustedProxies()
        for text in try settings.list("trusted-proxies") {
            if text == "unix" {
                trust.includesUnixSockets = true
                continue
            }
            do throws(AddressRangeError) {
                trust.ranges.append(try AddressRange(text))
            } catch {
                throw settings.failure("trusted-proxies", error.description)
            }
        }
        trust.expectsProxyHeader = try settings.isOn("proxy-protocol")
        guard trust.expectsProxyHeader, trust.isEmpty else { return trust }
        throw settings.conflict(
            of: "proxy-protocol", sentence: "--proxy-protocol needs --trusted-proxies: expected whom to believe")
    }
}
