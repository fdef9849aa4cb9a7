import ArgumentParser
import HTTP
import HTTPClient
import Platform
import TLS

/// `vigil health`.
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask a server whether it is well, as health checks of containers do.",
        discussion: """
            Exit code 0 if it is, with what it answered; 70 if it is not, or nobody answers. Without a URL TLS is spoken where \
            the settings name a certificate, which is for the server's own name: who has it is looked at only with --ca.
            """)

    @Argument(
        help: ArgumentHelp(
            "The server, http://HOST:PORT or https://HOST:PORT.",
            discussion: "By default where the settings of vigil serve in the environment say."))
    var url: String?

    @Option(help: "The config file of vigil serve, which may say where it listens. (default: VIGIL_CONFIG)")
    var config: String?
    @OptionGroup var trust: ServerTrust

    @Flag(help: "Ask whether it takes jobs (/readyz), not only whether it can do its work (/livez).")
    var ready = false

    func run() throws {
        let server = try server()
        let path = ready ? "/readyz" : "/livez"
        let context = try trust.context(for: server, isOwn: url == nil)
        let place = server.description + path
        let answer: Answer
        do throws(ClientError) {
            let client = try HTTPClient(server, trusting: context)
            answer = try client.exchange(HTTPClient.message("GET", path, to: server))
        } catch {
            throw Failure(.internal, "\(place): \(error)\(ServerTrust.advice(on: error))")
        }
        guard answer.status == 200 else {
            let text = String(decoding: answer.body.prefix(2_000), as: UTF8.self)
            throw Failure(.internal, "\(place): found \(answer.status), expected 200: \(text)")
        }
        try Terminal.print(answer.body)
    }

    /// Whom to ask.
    private func server() throws -> ServerURL {
        if let url {
            guard config == nil else {
                throw Failure(.usage, "--config: the URL says whom to ask; expected one of them")
            }
            return try ServerURL(url)
        }
        let settings = try Settings(.serve, options: config.map { ["config": [$0]] } ?? [:])
        var configuration = ServerConfiguration()
        try ListeningOptions(settings: settings).apply(to: &configuration)
        guard let server = Self.server(of: configuration) else {
            throw Failure(.configuration, "the server listens on no IP address that is known here: name it by its URL")
        }
        let isSecure = try settings.text("tls-cert") != nil
        if isSecure, try settings.text("tls-client-ca") != nil, trust.cert == nil {
            throw Failure(.configuration, "the server asks for a client's certificate: name one by --cert and --key")
        }
        return ServerURL(host: server.host, port: server.port, isSecure: isSecure)
    }

    /// Where a server of this machine with this configuration is asked; nil where it listens on no IP address.
    static func server(of configuration: ServerConfiguration) -> ServerURL? {
        let own = ListenAddress.internet(SocketAddress(host: configuration.host, port: configuration.port))
        for address in configuration.listen.isEmpty ? [own] : configuration.listen {
            guard case .internet(let address) = address, address.port != 0 else { continue }
            switch address.host {
            case "0.0.0.0": return ServerURL(host: "127.0.0.1", port: address.port)
            case "::": return ServerURL(host: "::1", port: address.port)
            default: return ServerURL(host: address.host, port: address.port)
            }
        }
        return nil
    }
}
