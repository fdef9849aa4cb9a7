import API
import Logging
import OTLP
import TLS
import Tracing

/// The traces of `vigil serve`: on where OpenTelemetry's variables name a collector.
struct TracingOptions {
    /// How long the end of the server waits for the last spans.
    private static let patience = Duration.seconds(5)

    private let exporter: SpanExporter?
    /// Decides what is recorded; nil where nothing is.
    let tracer: Tracer?

    /// Reads the variables and begins to send; what can't be used ends the command.
    init(environment: [String: String] = Settings.environment, _ logger: Logger) throws(Failure) {
        let settings: OTLPSettings?
        do throws(OTLPSettingError) { settings = try OTLPSettings(environment: environment) } catch {
            throw Failure(.configuration, error.description)
        }
        guard let settings else {
            (exporter, tracer) = (nil, nil)
            return
        }
        for note in settings.notes { logger.warning("\(note)") }
        let exporter = SpanExporter(
            settings, program: "vigil", version: Vigil.version,
            makePost: settings.post(trusting: try Self.trust(settings)), report: Self.reporter(settings, logger))
        guard exporter.start() else { throw Failure(.internal, "the system gave no thread to send traces") }
        self.exporter = exporter
        tracer = Tracer(settings.sampler, to: exporter)
        logger.info(
            "traces are on",
            metadata: [
                "collector": "\(settings.server)", "protocol": "\(settings.coding.rawValue)",
                "sampler": "\(settings.sampler)",
            ])
    }

    /// Sends what is left.
    func finish() async { await exporter?.finish(within: Self.patience) }

    private static func trust(_ settings: OTLPSettings) throws(Failure) -> TLSClientContext? {
        guard settings.server.isSecure else { return nil }
        do throws(TLSError) {
            return try TLSClientContext(
                TLSClientConfiguration(
                    authorityPath: settings.authorityPath,
                    identity: settings.identityPaths.map { .init(certificatePath: $0.certificate, keyPath: $0.key) }))
        } catch {
            throw Failure(.configuration, "OTEL_EXPORTER_OTLP_CERTIFICATE or _CLIENT_CERTIFICATE: \(error)")
        }
    }

    private static func reporter(
        _ settings: OTLPSettings, _ logger: Logger
    ) -> @Sendable (SpanExporter.Event) -> Void {
        { event in
            let collector: Logger.Metadata = ["collector": "\(settings.server)"]
            switch event {
            case .failing(let reason):
                logger.warning("traces can't be sent", metadata: collector.merging(["reason": "\(reason)"]) { $1 })
            case .recovered(let lost):
                logger.notice(
                    "traces are sent again", metadata: collector.merging(["lost_spans": "\(lost)"]) { $1 })
            case .dropped(let count):
                logger.warning(
                    "spans are left out: more come than are sent",
                    metadata: collector.merging(["spans": .stringConvertible(count)]) { $1 })
            case .rejected(let count, let reason):
                logger.warning(
                    "the collector did not take all spans",
                    metadata: collector.merging(["spans": .stringConvertible(count), "reason": "\(reason)"]) { $1 })
            }
        }
    }
}
