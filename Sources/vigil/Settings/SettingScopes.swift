/// The settings of `vigil serve`, section by section.
enum ServeSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.general) }
    enum Server: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.server) }
    enum Jobs: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.jobs) }
    enum Callbacks: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.callbacks) }
    enum Access: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.access) }
    enum Listening: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.listening) }
    enum Clients: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.clients) }
    enum TLS: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.tls) }
}

/// The settings of `vigil score`.
enum ScoreSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.score, Setting.Section.general) }
    enum Scoring: SettingScope { static let (command, section) = (Setting.Command.score, Setting.Section.scoring) }
}

/// The settings of `vigil bench`, whose own options are beside them.
enum BenchSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.bench, Setting.Section.general) }
}
