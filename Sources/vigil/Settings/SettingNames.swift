/// Names of the settings that a config file can have: the long options of the commands that take one.
enum SettingNames {
    /// All of them.
    static let all = [
        "grace", "host", "kernels", "log-level", "max-body", "max-connections", "max-queued", "max-queued-memory",
        "max-results", "model", "port", "result-ttl", "workers",
    ]
}
