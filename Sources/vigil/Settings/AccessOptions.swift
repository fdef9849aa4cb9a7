import API
import HTTP
import Logging

/// Who may use `vigil serve`, and how often.
struct AccessOptions {
    let settings: Settings

    /// What stands before all endpoints of a server that listens so.
    func control(keys: APIKeyFile?, _ configuration: ServerConfiguration) throws -> AccessControl {
        AccessControl(
            keys: keys, limiter: try limiter(), hosts: try hosts(keys: keys, configuration),
            origins: try origins(configuration), showsMetricsToAll: try settings.text("metrics") == "public")
    }

    /// What is shown of the service.
    func service() throws -> VigilService.Settings {
        var service = VigilService.Settings()
        service.showsMetrics = try settings.text("metrics") != "off"
        return service
    }

    /// The names that requests may be for.
    func hosts(keys: APIKeyFile?, _ configuration: ServerConfiguration) throws -> HostRules {
        let texts = try settings.list("allowed-hosts")
        do throws(AccessRuleError) {
            return try HostRules(
                texts, isOpenOnThisMachine: keys == nil && configuration.listensOnThisMachineAlone)
        } catch {
            throw settings.failure("allowed-hosts", "\(error)")
        }
    }

    /// The pages that may ask.
    func origins(_ configuration: ServerConfiguration) throws -> OriginRules {
        let texts = try settings.list("allowed-origins")
        do throws(AccessRuleError) {
            return try OriginRules(texts, isSecure: configuration.tls != nil)
        } catch {
            throw settings.failure("allowed-origins", "\(error)")
        }
    }

    /// The file of keys, if one is named, which is then among those to be read again.
    func keys(_ logger: Logger, reloading: inout [Reloading.Source]) throws -> APIKeyFile? {
        guard let path = try settings.text("api-keys") else {
            for name in ["api-key", "api-key" + Setting.fileSuffix] where settings.place(of: name) != nil {
                throw settings.failure(
                    name,
                    "it is a client's; expected VIGIL_API_KEYS or --api-keys, the file of the keys that the server takes"
                )
            }
            return nil
        }
        let files = WatchedFiles([path])
        let keys: APIKeyFile
        do throws(APIKeyError) { keys = try APIKeyFile(path: path) } catch {
            throw Failure(.configuration, settings.failure("api-keys", "\(error)").description)
        }
        let tell: @Sendable (APIKeys) -> Void = { keys in
            logger.info("API keys are read", metadata: ["file": "\(path)", "keys": .stringConvertible(keys.count)])
            if keys.count == 0 { logger.warning("the file of API keys has none: nobody may come in") }
            Reloading.Source.warnOfReaders(of: path, "API keys' hashes", logger)
        }
        tell(keys.current)
        reloading.append(
            .init(
                files, of: keys, kept: "the API keys are not changed: the file can't be used", logger, tell: tell))
        return keys
    }

    /// The access log; on SIGHUP its file is opened again, if one is named.
    func log(_ logger: Logger, reloading: inout [Reloading.Source]) throws -> AccessLog {
        let form = LogLines.shared.form
        guard let path = try settings.text("access-log") else { return AccessLog(form: form, logger: logger) }
        do {
            let log = try AccessLog(path: path, form: form, logger: logger)
            reloading.append(.init("the access log") { log.reopen() })
            return log
        } catch {
            throw Failure(
                .configuration, settings.failure("access-log", "\(path) can't be opened: \(error)").description)
        }
    }

    /// What counts requests, if they are limited.
    private func limiter() throws -> RateLimiter? {
        let rate = try settings.integer("rate-limit")
        let burst = try settings.integer(ifSet: "rate-burst") ?? 10 * rate
        return rate == 0 ? nil : RateLimiter(RateLimit(perSecond: rate, burst: burst))
    }
}
