import ArgumentParser
import HTTP
import HTTPClient
import Platform
import TLS

/// `vigil health`.
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask a server whether it is well, as health checks of containers do.",
        discussion: "Exit code 0 if it is, with what it answered; 70 if it is not, or nobody answers.")

    @Argument(
        help: ArgumentHelp(
            "The server, http://HOST:PORT or https://HOST:PORT.",
            discussion: "By default where the settings of vigil serve in the environment, and in its config file, say.")
    )
    var url: String?

    @Option(help: "The config file of vigil serve, where that is named on its command line. (default: VIGIL_CONFIG)")
    var config: String?

    @Flag(help: "Ask whether it takes jobs (/readyz), not only whether it can do its work (/livez).")
    var ready = false

    func run() throws {
        let question = try question()
        let path = ready ? "/readyz" : "/livez"
        let trust = question.server.isSecure ? try TLSClientContext(TLSClientConfiguration()) : nil
        let place = question.server.description + path
        let answer: Answer
        do throws(ClientError) {
            let client = try HTTPClient(question.server, trusting: trust)
            answer = try client.exchange(HTTPClient.message("GET", path, to: question.server))
        } catch {
            throw Failure(.internal, "\(place): \(error)")
        }
        guard answer.status == question.expected else {
            let text = String(decoding: answer.body.prefix(2_000), as: UTF8.self)
            throw Failure(.internal, "\(place): found \(answer.status), expected \(question.expected): \(text)")
        }
        try Terminal.print(answer.body)
    }

    /// Whom to ask, and which status says that all is well.
    private func question() throws -> (server: ServerURL, expected: Int) {
        if let url { return (try ServerURL(url), 200) }
        let settings = try Settings(.serve, options: config.map { ["config": [$0]] } ?? [:])
        var configuration = ServerConfiguration()
        try ListeningOptions(settings: settings).apply(to: &configuration)
        guard let server = Self.server(of: configuration) else {
            throw Failure(.configuration, "the server listens on no IP address that is known here: name it by its URL")
        }
        guard try settings.text("tls-cert") != nil else { return (server, 200) }
        // Its certificate is for its own name, and not for loopback. Asked without TLS, a server that is well says so.
        guard !ready else {
            throw Failure(.configuration, "--ready: the server speaks TLS: name it by its URL, https://NAME:PORT")
        }
        return (server, 400)
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
