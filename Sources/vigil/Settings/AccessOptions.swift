import ArgumentParser
import HTTP
import Logging
import Service

/// The options of `vigil serve` that say who may use it, and how often.
struct AccessOptions: ParsableArguments {
    @Option(help: "File of API keys, lines of name:sha256hex; with it requests need one. (default: none, open to all)")
    var apiKeys: String?
    @Option(help: "Requests a second that each client may make; 0 for any number. (default: 0)")
    var rateLimit: Int?
    @Option(help: "Requests that a client may make at once after a pause. (default: those of 10 seconds)")
    var rateBurst: Int?
    @Option(help: "File that gets a line of JSON for each answer; - for standard output. (default: none)")
    var accessLog: String?

    @Option(
        help: """
            Names that the server answers by beside those of loopback, separated by commas, such as vigil.example or \
            *.example; * for any. (default: on this machine alone and without keys none, else any)
            """)
    var allowedHosts: String?
    @Option(
        help: """
            Origins whose pages may use the service in a browser, separated by commas, such as https://app.example; * for \
            any. (default: none)
            """)
    var allowedOrigins: String?

    /// Names of the settings that have the values of these two elsewhere.
    static let settingNames = ["allowed-hosts", "allowed-origins"]

    /// What stands before all endpoints of a server that listens so.
    func control(
        _ settings: Settings, keys: APIKeyFile?, _ configuration: ServerConfiguration
    ) throws -> AccessControl {
        AccessControl(
            keys: keys, limiter: try limiter(settings), hosts: try hosts(settings, keys: keys, configuration),
            origins: try origins(settings, configuration))
    }

    private func hosts(
        _ settings: Settings, keys: APIKeyFile?, _ configuration: ServerConfiguration
    ) throws -> HostRules {
        let texts = try settings.list("allowed-hosts", allowedHosts.map { [$0] } ?? [])
        do throws(AccessRuleError) {
            return try HostRules(
                texts, isOpenOnThisMachine: keys == nil && configuration.listensOnThisMachineAlone)
        } catch {
            throw Failure(allowedHosts == nil ? .configuration : .usage, "--allowed-hosts: \(error)")
        }
    }

    private func origins(_ settings: Settings, _ configuration: ServerConfiguration) throws -> OriginRules {
        let texts = try settings.list("allowed-origins", allowedOrigins.map { [$0] } ?? [])
        do throws(AccessRuleError) {
            return try OriginRules(texts, isSecure: configuration.tls != nil)
        } catch {
            throw Failure(allowedOrigins == nil ? .configuration : .usage, "--allowed-origins: \(error)")
        }
    }

    /// The file of keys, if one is named, which is then among those to be read again.
    func keys(_ settings: Settings, _ logger: Logger, reloading: inout [Reloading.Source]) throws -> APIKeyFile? {
        guard let path = try settings.string("api-keys", apiKeys) else { return nil }
        let files = WatchedFiles([path])
        do {
            let keys = try APIKeyFile(path: path, logger: logger)
            reloading.append(.init(files: files) { keys.reload() })
            return keys
        } catch {
            throw Failure(.configuration, "--api-keys \(error)")
        }
    }

    /// The access log, if one is asked for; on SIGHUP its file is opened again.
    func log(_ settings: Settings, _ logger: Logger, reloading: inout [Reloading.Source]) throws -> AccessLog? {
        guard let path = try settings.string("access-log", accessLog) else { return nil }
        do {
            let log = try AccessLog(path: path, logger: logger)
            reloading.append(.init(files: nil) { log.reopen() })
            return log
        } catch {
            throw Failure(.configuration, "--access-log \(path) can't be opened: \(error)")
        }
    }

    /// What counts requests, if they are limited.
    private func limiter(_ settings: Settings) throws -> RateLimiter? {
        let rate = try settings.integer("rate-limit", rateLimit, default: 0, in: 0...1_000_000)
        let burst = try settings.integer("rate-burst", rateBurst, default: 10 * rate, in: 1...10_000_000)
        return rate == 0 ? nil : RateLimiter(RateLimit(perSecond: rate, burst: burst))
    }
}
