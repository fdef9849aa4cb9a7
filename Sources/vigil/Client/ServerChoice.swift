import ArgumentParser
import HTTPClient
import Platform
import TLS

/// Which server a client speaks to, by which key, and for how long it tries.
///
/// What stands nearer counts: options, then the environment, each with a URL or a profile. A key goes with its URL: a server
/// that a profile names gets the profile's, and never one that the environment has for another.
struct ServerChoice: Sendable {
    let server: ServerURL
    /// The field that shows the key.
    let key: (name: String, value: String)?
    let trust: TLSClientContext?
    let patience: Duration

    /// - Parameters:
    ///   - given: what was given on the command line
    ///   - trust: the options of TLS
    init(_ given: SettingGroup<SubmitSettings.Client>, _ trust: ServerTrust) throws {
        let settings = try Settings(.submit, options: given.given)
        for note in settings.notes where note.begins(with: "--") { Terminal.note(note) }
        let profile = try Self.profile(settings)
        if let profile {
            do throws(ServerURLError) { server = try ServerURL(parsing: profile.url) } catch {
                throw Failure(
                    .configuration,
                    "\(profile.place), profile \(quoted(profile.name)): url \(quoted(profile.url)): \(error)")
            }
        } else {
            let url = try settings.text("url") ?? ""
            do throws(ServerURLError) { server = try ServerURL(parsing: url) } catch {
                throw settings.failure(
                    "url", "found \(quoted(url)), expected http://HOST:PORT or https://HOST:PORT: \(error)")
            }
        }
        key = try Self.key(settings, profile)?.field
        var trust = trust
        if let profile, server.isSecure {
            trust.ca = trust.ca ?? profile.ca
            if trust.cert == nil, trust.key == nil { (trust.cert, trust.key) = (profile.cert, profile.certKey) }
        }
        self.trust = try trust.context(for: server)
        patience = try settings.seconds("patience")
    }

    private static func profile(_ settings: Settings) throws -> Profile? {
        let url = settings.place(of: "url")?.rank
        guard let rank = settings.place(of: "profile")?.rank, let name = try settings.text("profile") else {
            return url == nil ? try Profiles.profile(Profiles.standard, isNeeded: false) : nil
        }
        if let url, url <= rank {
            guard url < rank else {
                throw settings.conflict(
                    of: "url", "profile", sentence: "a URL and a profile are both set: expected one of them")
            }
            return nil
        }
        return try Profiles.profile(name, isNeeded: true)
    }

    private static func key(_ settings: Settings, _ profile: Profile?) throws -> KeyFile? {
        let isOption = ["api-key", "api-key-file"].contains { settings.place(of: $0) == .option }
        if isOption || profile == nil {
            guard let key = try settings.secret("api-key") else { return nil }
            return try KeyFile(key: key, from: settings.isSecretInFile("api-key") ? "api-key-file" : "api-key")
        }
        guard let profile else { return nil }
        if let key = profile.key {
            return try KeyFile(key: key, from: "\(profile.place), profile \(quoted(profile.name))")
        }
        return try profile.keyFile.map { path in try KeyFile(path, calling: "\(profile.place): api-key-file") }
    }
}
