import API
import Alerts
import HTTPClient
import Jobs
import Logging
import Platform
import Synchronization
import TLS
import Webhooks

/// Where `vigil serve` tells of segments.
struct AlertOptions {
    let settings: Settings

    /// The places, and what tells them; nil where there are none. Nothing is sent before they are started.
    func alerts(
        _ telemetry: JobTelemetry, _ logger: Logger, reloading: inout [Reloading.Source]
    ) throws -> ServedAlerts? {
        var places: [any AlertPlace] = []
        let trust = try trust()
        if let place = try webhook(trust, logger, reloading: &reloading) { places.append(place) }
        if let place = try frigate(trust) { places.append(place) }
        let told = Told()
        let client = try mqtt { event in told.hear(event, logger) }
        if let (client, topics) = client { places.append(MQTTPlace(client, topics: topics)) }
        guard !places.isEmpty else { return nil }
        var filter = AlertFilter()
        filter.score = Float(try settings.number(ifSet: "alerts-min-score") ?? 0)
        filter.labels = try settings.entries(ifSet: "alerts-labels")
        let delivery = AlertDelivery(to: places, filter, telemetry: telemetry, logger: logger)
        told.delivery.withLock { $0 = delivery }
        return ServedAlerts(delivery: delivery, client: client?.0)
    }

    private func trust() throws -> TLSClientContext {
        let path = try settings.text("alerts-ca")
        do throws(TLSError) {
            return try TLSClientContext(TLSClientConfiguration(authorityPath: path))
        } catch {
            throw Failure(.configuration, settings.failure("alerts-ca", "\(error)").description)
        }
    }

    private func webhook(
        _ trust: TLSClientContext, _ logger: Logger, reloading: inout [Reloading.Source]
    ) throws -> WebhookPlace? {
        guard let text = try settings.text("alerts-webhook") else { return nil }
        let url: WebhookURL
        let host: HostPattern
        do {
            url = try WebhookURL(text)
            host = try HostPattern("\(url.host):\(url.port)")
        } catch {
            throw settings.failure("alerts-webhook", "\(error)")
        }
        guard let path = try settings.text("alerts-webhook-secrets") else {
            throw settings.conflict(
                of: "alerts-webhook",
                sentence:
                    "--alerts-webhook needs --alerts-webhook-secrets: expected a file of secrets to sign notices with")
        }
        let secrets = try CallbackOptions(settings: settings).secrets(
            path, of: "alerts-webhook-secrets", logger, reloading: &reloading)
        // The operator has named it, wherever it is; clients have no part in it.
        let policy = WebhookPolicy(allowedHosts: [host], allowsPrivateAddresses: true)
        return WebhookPlace(url, by: WebhookSender(policy: policy, secrets: { secrets.current }, trust: trust)) {
            SystemClock().wall.description
        }
    }

    private func frigate(_ trust: TLSClientContext) throws -> FrigatePlace? {
        guard let text = try settings.text("alerts-frigate") else { return nil }
        let server: ServerURL
        do throws(ServerURLError) { server = try ServerURL(parsing: text) } catch {
            throw settings.failure("alerts-frigate", "\(error): expected http://HOST:PORT")
        }
        let token = try settings.secret("alerts-frigate-token")
        if let token, !token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw settings.failure("alerts-frigate-token", "it has a blank or a byte beyond ASCII")
        }
        return FrigatePlace(server, token: token, trusting: trust, now: WebhookSender.systemTime)
    }

    private func mqtt(
        _ report: @escaping @Sendable (MQTTClient.Event) -> Void
    ) throws -> (MQTTClient, MQTTTopics)? {
        guard let text = try settings.text("alerts-mqtt") else {
            guard try settings.text("alerts-homeassistant") == nil else {
                throw settings.conflict(
                    of: "alerts-homeassistant",
                    sentence:
                        "--alerts-homeassistant needs --alerts-mqtt: expected the broker that Home Assistant listens to"
                )
            }
            return nil
        }
        let address: MQTTAddress
        do throws(MQTTAddress.Fault) { address = try MQTTAddress(text) } catch {
            throw settings.failure("alerts-mqtt", "\(error): expected mqtt://HOST:PORT/PREFIX")
        }
        let library: MQTTLibrary
        do throws(MQTTLibrary.Missing) { library = try MQTTLibrary() } catch {
            throw Failure(.configuration, "--alerts-mqtt: \(error)")
        }
        let discovery = try settings.text("alerts-homeassistant")
        if let discovery, !MQTTTopics.isPrefix(discovery) {
            throw settings.failure("alerts-homeassistant", "it is no prefix of topics")
        }
        let topics = MQTTTopics(prefix: address.prefix, discovery: discovery, version: Vigil.version)
        var random = SystemRandomNumberGenerator()
        var broker = MQTTSettings(
            host: address.host, port: address.port,
            clientID: "vigil-" + String(random.next() & 0xFFFF_FFFF_FFFF, radix: 16))
        broker.version = try settings.text("alerts-mqtt-version") == "5" ? .v5 : .v311
        broker.user = try settings.text("alerts-mqtt-user")
        broker.password = try settings.secret("alerts-mqtt-password")
        (broker.here, broker.gone) = (topics.here, topics.gone)
        let identity = (
            certificate: try settings.text("alerts-mqtt-cert"), key: try settings.text("alerts-mqtt-key")
        )
        guard (identity.certificate == nil) == (identity.key == nil) else {
            throw settings.conflict(
                of: "alerts-mqtt-cert", "alerts-mqtt-key",
                sentence: "--alerts-mqtt-cert and --alerts-mqtt-key need each other: expected both or neither")
        }
        if address.isSecure {
            broker.tls = MQTTSettings.TLS(
                authorityPath: try settings.text("alerts-ca"), certificatePath: identity.certificate,
                keyPath: identity.key)
        } else if identity.certificate != nil {
            throw settings.conflict(
                of: "alerts-mqtt-cert", sentence: "--alerts-mqtt-cert needs TLS: expected --alerts-mqtt mqtts://…")
        }
        guard let client = MQTTClient(library, broker, report: report) else {
            throw Failure(.internal, "the system gave no descriptors for a connection to the broker")
        }
        return (client, topics)
    }

    /// Hears of the broker, and has the log and the delivery hear of it.
    private final class Told: Sendable {
        let delivery = Mutex<AlertDelivery?>(nil)

        func hear(_ event: MQTTClient.Event, _ logger: Logger) {
            switch event {
            case .connected:
                logger.info("the broker of alerts is connected")
                delivery.withLock(\.self)?.reached("mqtt")
            case .lost(let reason):
                logger.warning("the broker of alerts is away: alerts wait", metadata: ["reason": "\(reason)"])
            }
        }
    }
}

/// The alerts of a server that runs.
struct ServedAlerts: Sendable {
    /// For the last words to the broker.
    private static let patience = Duration.seconds(3)

    let delivery: AlertDelivery
    let client: MQTTClient?

    /// Begins to connect to the broker.
    func start() throws(Failure) {
        guard client?.start() ?? true else {
            throw Failure(.internal, "the system gave no thread for alerts over MQTT")
        }
    }

    /// Says to the broker that the server is gone.
    func finish() async { await client?.finish(within: Self.patience) }
}
