import ArgumentParser
import Logging
import Service
import TLS
import Webhooks

/// Whom `vigil serve` tells that a job has ended.
struct CallbackOptions: ParsableArguments {
    @Option(
        help: """
            Hosts that callbacks may go to, separated by commas: NAME, *.NAME, either with :PORT, or * for all. \
            (default: none, callbacks are off)
            """)
    var callbackHosts: String?
    @Option(help: "File of secrets that callbacks are signed with, lines of whsec_BASE64. (default: none)")
    var callbackSecrets: String?
    @Flag(help: "Callbacks may go to this machine and to private networks.")
    var callbackPrivate = false
    @Flag(help: "Callbacks go over https alone.")
    var callbackHttpsOnly = false
    @Option(help: "File of certificates that vouch for receivers too, beside the system's. (default: none)")
    var callbackCA: String?

    /// Names of the settings that have these options' values elsewhere.
    static let settingNames = [
        "callback-ca", "callback-hosts", "callback-https-only", "callback-private", "callback-secrets",
    ]

    /// What delivers callbacks; nil where they are off.
    func delivery(
        _ settings: Settings, _ logger: Logger, reloading: inout [Reloading.Source]
    ) throws -> CallbackDelivery? {
        let hosts = try settings.list("callback-hosts", callbackHosts.map { [$0] } ?? [])
        let path = try settings.string("callback-secrets", callbackSecrets)
        guard !hosts.isEmpty else {
            guard callbackHosts == nil else {
                throw Failure(.usage, "--callback-hosts '\(callbackHosts ?? "")': expected the names of hosts, or *")
            }
            return nil
        }
        guard let path else {
            throw Failure(
                callbackHosts == nil ? .configuration : .usage,
                "--callback-hosts needs --callback-secrets: expected a file of secrets to sign callbacks with")
        }
        let secrets: WebhookSecretFile
        do throws(WebhookSecretError) {
            secrets = try WebhookSecretFile(path: path, logger: logger)
        } catch {
            throw Failure(.configuration, "--callback-secrets \(error)")
        }
        reloading.append(.init(files: WatchedFiles([path])) { secrets.reload() })
        let sender = WebhookSender(
            policy: try policy(hosts, settings), secrets: { secrets.current }, trust: try trust(settings))
        logger.info(
            "callbacks are on",
            metadata: ["hosts": "\(hosts.joined(separator: ","))", "secrets": "\(secrets.current.count)"])
        return CallbackDelivery(sender: sender, logger: logger)
    }

    private func policy(_ hosts: [String], _ settings: Settings) throws -> WebhookPolicy {
        var patterns: [HostPattern] = []
        for host in hosts {
            do throws(HostPatternError) { patterns.append(try HostPattern(host)) } catch {
                throw Failure(callbackHosts == nil ? .configuration : .usage, "--callback-hosts: \(error)")
            }
        }
        return WebhookPolicy(
            allowedHosts: patterns, allowsPrivateAddresses: try settings.flag("callback-private", callbackPrivate),
            allowsPlainHTTP: try !settings.flag("callback-https-only", callbackHttpsOnly))
    }

    private func trust(_ settings: Settings) throws -> TLSClientContext {
        do throws(TLSError) {
            return try TLSClientContext(
                TLSClientConfiguration(authorityPath: try? settings.string("callback-ca", callbackCA)))
        } catch {
            throw Failure(.configuration, "--callback-ca: \(error)")
        }
    }
}
