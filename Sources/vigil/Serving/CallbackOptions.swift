import API
import Logging
import TLS
import Tracing
import Webhooks

/// Whom `vigil serve` tells that a job has ended.
struct CallbackOptions {
    let settings: Settings

    /// What delivers callbacks; nil where they are off.
    func delivery(
        _ telemetry: JobTelemetry, tracer: Tracer? = nil, _ logger: Logger, reloading: inout [Reloading.Source]
    ) throws -> CallbackDelivery? {
        guard settings.place(of: "callback-hosts") != nil else { return nil }
        let hosts = try settings.list("callback-hosts")
        guard !hosts.isEmpty else {
            throw settings.failure("callback-hosts", "found only commas, expected the names of hosts, or *")
        }
        guard let path = try settings.text("callback-secrets") else {
            throw settings.conflict(
                of: "callback-hosts",
                sentence: "--callback-hosts needs --callback-secrets: expected a file of secrets to sign callbacks with"
            )
        }
        let secrets = try secrets(path, logger, reloading: &reloading)
        let sender = WebhookSender(
            policy: try policy(hosts), secrets: { secrets.current }, trust: try trust())
        logger.info(
            "callbacks are on",
            metadata: [
                "hosts": "\(hosts.joined(separator: ","))", "secrets": .stringConvertible(secrets.current.count),
            ])
        return CallbackDelivery(sender: sender, tracer: tracer, telemetry: telemetry, logger: logger)
    }

    /// The secrets of a file, which is read again when it changes.
    ///
    /// - Parameter name: the setting that names it
    func secrets(
        _ path: String, of name: String = "callback-secrets", _ logger: Logger, reloading: inout [Reloading.Source]
    ) throws -> WebhookSecretFile {
        let files = WatchedFiles([path])
        let secrets: WebhookSecretFile
        do throws(WebhookSecretError) { secrets = try WebhookSecretFile(path: path) } catch {
            throw Failure(.configuration, settings.failure(name, "\(error)").description)
        }
        let warn = { @Sendable in Reloading.Source.warnOfReaders(of: path, "webhook secrets", logger) }
        warn()
        reloading.append(
            .init(
                files, of: secrets, kept: "the webhook secrets are not changed: the file can't be used", logger
            ) { secrets in
                logger.info(
                    "webhook secrets are read",
                    metadata: ["file": "\(path)", "secrets": .stringConvertible(secrets.count)])
                warn()
            })
        return secrets
    }

    private func policy(_ hosts: [String]) throws -> WebhookPolicy {
        var patterns: [HostPattern] = []
        for host in hosts {
            do throws(HostPatternError) { patterns.append(try HostPattern(host)) } catch {
                throw settings.failure("callback-hosts", "\(error)")
            }
        }
        return WebhookPolicy(
            allowedHosts: patterns, allowsPrivateAddresses: try settings.isOn("callback-private"),
            allowsPlainHTTP: try !settings.isOn("callback-https-only"))
    }

    private func trust() throws -> TLSClientContext {
        let path = try settings.text("callback-ca")
        do throws(TLSError) {
            return try TLSClientContext(TLSClientConfiguration(authorityPath: path))
        } catch {
            throw Failure(.configuration, settings.failure("callback-ca", "\(error)").description)
        }
    }
}
