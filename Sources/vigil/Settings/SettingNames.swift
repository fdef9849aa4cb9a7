/// Names of the settings that a config file can have: the long options of the commands that take one.
enum SettingNames {
    /// All of them.
    static let all: [String] =
        [
            "access-log", "api-keys", "fps", "grace", "host", "kernels", "labels", "leave", "log-level", "logits",
            "max-body",
            "max-connections",
            "merge-gap", "min-snippets", "model", "port", "rate-burst", "rate-limit",
            "threshold", "tls-cert",
            "tls-client-ca", "tls-handshake-timeout", "tls-key", "workers",
        ] + JobOptions.settingNames + CallbackOptions.settingNames + ListeningOptions.settingNames
        + ClientOptions.settingNames + AccessOptions.settingNames
}
