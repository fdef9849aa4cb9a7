import API
import HTTP
import Logging
import Tensors

/// All that keeps `vigil serve` from using a config file, as far as it is found without taking or leaving anything.
struct ConfigCheck {
    /// What the file says that can be read.
    let settings: Settings
    private(set) var faults: [Failure] = []
    /// The settings with which something is wrong: what they belong to is not judged without them.
    private var wrong: Set<String>

    init(file path: String) {
        var found: [Settings.Fault] = []
        settings = Settings(.serve, file: path, faults: &found)
        faults = found.map(\.failure)
        wrong = Set(found.map(\.name))
        lookAtAddresses()
        lookAtAccess()
        lookAtModel()
    }

    /// Nil where nothing is wrong; where it is of several kinds, the configuration is.
    var code: Failure.Code? {
        guard let first = faults.first?.code else { return nil }
        return faults.allSatisfy { $0.code == first } ? first : .configuration
    }

    private static let logger = Logger(label: "vigil") { _ in SwiftLogNoOpLogHandler() }

    private mutating func lookAtAddresses() {
        attempt(["host"]) { try ListeningOptions(settings: $0).check() }
        attempt(["listen"], each: "listen") { _ = try ListeningOptions(settings: $0).addresses() }
        attempt(["trusted-proxies", "proxy-protocol"], each: "trusted-proxies") {
            _ = try ListeningOptions(settings: $0).trust()
        }
    }

    /// What depends on how the server listens, and whether it has keys.
    private mutating func lookAtAccess() {
        var configuration = ServerConfiguration()
        var files: [Reloading.Source] = []
        var keys: APIKeyFile?
        try? ListeningOptions(settings: settings).apply(to: &configuration)
        attempt([]) { try ClientOptions(settings: $0).apply(to: &configuration) }
        attempt(["tls-cert", "tls-key", "tls-client-ca", "tls-key-passphrase", "tls-key-passphrase-file"]) {
            try TLSOptions(settings: $0).apply(Self.logger, to: &configuration, reloading: &files)
        }
        attempt(["api-keys"]) { keys = try AccessOptions(settings: $0).keys(Self.logger, reloading: &files) }
        attempt(["allowed-hosts"], each: "allowed-hosts") {
            _ = try AccessOptions(settings: $0).hosts(keys: keys, configuration)
        }
        attempt(["allowed-origins"], each: "allowed-origins") {
            _ = try AccessOptions(settings: $0).origins(configuration)
        }
        attempt(["callback-hosts", "callback-secrets", "callback-ca"], each: "callback-hosts") {
            _ = try CallbackOptions(settings: $0).delivery(JobTelemetry(), Self.logger, reloading: &files)
        }
        attempt(Setting.alerts.map(\.name)) {
            _ = try AlertOptions(settings: $0).alerts(JobTelemetry(), Self.logger, reloading: &files)
        }
    }

    private mutating func lookAtModel() {
        var kernels: Kernels?
        attempt(["kernels", "compute"]) { kernels = try $0.kernels() }
        guard let kernels else { return }
        attempt(["model"], each: "model") { settings in
            for model in try settings.models() { _ = try ModelSource.load(model, kernels: kernels) }
        }
        attempt(["model", "models", "canary"]) { settings in
            let options = ModelOptions(settings: settings)
            let library = try options.library(try options.watch(Self.logger), kernels: kernels, Self.logger)
            try CanaryOptions(settings: settings).check(library, kernels: kernels)
        }
    }

    /// Makes of settings what a server would, where nothing is wrong with them by themselves, and once for each text of a
    /// list.
    private mutating func attempt(_ names: [String], each list: String? = nil, _ body: (Settings) throws -> Void) {
        guard wrong.isDisjoint(with: names) else { return }
        for settings in list.map(settings.split) ?? [settings] {
            do { try body(settings) } catch {
                let fault = Failure(error) ?? Failure(.internal, "\(error)")
                if !faults.contains(where: { $0.description == fault.description }) { faults.append(fault) }
            }
        }
    }
}
