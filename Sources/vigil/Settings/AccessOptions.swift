import ArgumentParser
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

    /// The file of keys, if one is named.
    func keys(_ settings: Settings, _ logger: Logger) throws -> APIKeyFile? {
        guard let path = try settings.string("api-keys", apiKeys) else { return nil }
        do {
            return try APIKeyFile(path: path, logger: logger)
        } catch {
            throw Failure(.configuration, "--api-keys \(error)")
        }
    }

    /// What counts requests, if they are limited.
    func limiter(_ settings: Settings) throws -> RateLimiter? {
        let rate = try settings.integer("rate-limit", rateLimit, default: 0, in: 0...1_000_000)
        let burst = try settings.integer("rate-burst", rateBurst, default: 10 * rate, in: 1...10_000_000)
        return rate == 0 ? nil : RateLimiter(RateLimit(perSecond: rate, burst: burst))
    }
}
