import JSON
import Platform

/// A server that a user has given a name, with what it takes to speak to it.
struct Profile {
    let name: String
    /// The file that it is in.
    let place: String
    let url: String
    /// The API key, or the file that it is in.
    var key: String?
    var keyFile: String?
    /// Files for TLS, as the options are called.
    var ca: String?
    var cert: String?
    var certKey: String?
}

/// The user's profiles: `vigil/profiles.yaml`, or `.json`, of the config folder.
///
/// Who can write the file says whom a key is shown to, and who can read it may find one in it: so it has to be the user's, or
/// root's, and nobody else may write it, nor read it where there is a key in it.
enum Profiles {
    private static let maxBytes = 256 << 10
    private static let names = ["url", "api-key", "api-key-file", "ca", "cert", "key"]
    /// What counts where neither a profile nor a URL is given.
    static let standard = "default"

    /// The profile of that name.
    ///
    /// - Parameter isNeeded: whether it is an error where there is none
    static func profile(
        _ name: String, isNeeded: Bool, environment: [String: String] = Settings.environment
    ) throws(Failure) -> Profile? {
        guard let folder = folder(environment) else {
            guard isNeeded else { return nil }
            throw Failure(.configuration, "there is no folder of profiles, as neither XDG_CONFIG_HOME nor HOME is set")
        }
        let paths: [String] = ["yaml", "json"].map { "\(folder)/profiles.\($0)" }
        let found = paths.filter { access($0, F_OK) == 0 }
        guard let path = found.first else {
            guard isNeeded else { return nil }
            throw Failure(.noInput, "there is no profile \(quoted(name)): \(folder)/profiles.yaml is not there")
        }
        guard found.count == 1 else {
            throw Failure(.configuration, "\(folder) has profiles.yaml and profiles.json: expected one of them")
        }
        return try read(path, name, isNeeded: isNeeded)
    }

    private static func folder(_ environment: [String: String]) -> String? {
        let home = environment["HOME"].flatMap { $0.begins(with: "/") ? $0 + "/.config" : nil }
        let named = environment["XDG_CONFIG_HOME"].flatMap { $0.begins(with: "/") ? $0 : nil }
        return (named ?? home).map { $0 + "/vigil" }
    }

    private static func read(_ path: String, _ name: String, isNeeded: Bool) throws(Failure) -> Profile? {
        func failure(_ text: String) -> Failure { Failure(.configuration, "\(path): \(text)") }
        let file: SmallFile
        do throws(SmallFile.Failure) { file = try SmallFile(path, maxBytes: maxBytes) } catch {
            throw Failure(.noInput, error.description)
        }
        let members: [ConfigMember]
        do throws(ConfigFault) { members = try ConfigText(file).members(isNested: true) } catch {
            throw failure(error.description)
        }
        let hasKey = members.contains { $0.value["api-key"] != nil }
        if let fault = fault(of: path, isSecret: hasKey) { throw failure(fault) }
        guard let member = members.first(where: { $0.name.hasBytes(of: name) }) else {
            guard isNeeded else { return nil }
            let known = members.map { quoted($0.name) }.joined(separator: ", ")
            throw failure("there is no profile \(quoted(name)): expected one of \(known)")
        }
        guard case .object(let values) = member.value else {
            throw failure("the profile \(quoted(name)) is \(member.value.kind), expected a mapping with url")
        }
        var texts: [ByteText: String] = [:]
        for value in values {
            guard names.contains(where: { $0.hasBytes(of: value.name) }) else {
                throw failure(
                    "the profile \(quoted(name)) has \(quoted(value.name)): expected one of \(names.joined(separator: ", "))"
                )
            }
            guard let text = value.value.string, !text.isEmpty else {
                throw failure("\(value.name) of the profile \(quoted(name)) is \(value.value.kind), expected a text")
            }
            texts[value.name] = text
        }
        guard let url = texts["url"] else { throw failure("the profile \(quoted(name)) has no url") }
        if texts["api-key"] != nil, texts["api-key-file"] != nil {
            throw failure("the profile \(quoted(name)) has api-key and api-key-file: expected one of them")
        }
        let folder = Substring(path.utf8.prefix(upTo: path.utf8.lastIndex(of: ASCII.slash) ?? path.utf8.startIndex))
        func beside(_ name: String) -> String? {
            texts[name].map { $0.begins(with: "/") ? $0 : "\(folder)/\($0)" }
        }
        return Profile(
            name: name, place: path, url: url, key: texts["api-key"], keyFile: beside("api-key-file"), ca: beside("ca"),
            cert: beside("cert"), certKey: beside("key"))
    }

    /// Why a file is not to be trusted; nil where it is.
    private static func fault(of path: String, isSecret: Bool) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return errnoText(errno) }
        guard status.st_uid == geteuid() || status.st_uid == 0 else { return "it is another user's" }
        if status.st_mode & 0o022 != 0 { return "others may write it: chmod go-w makes it the user's alone" }
        guard isSecret, status.st_mode & 0o044 != 0 else { return nil }
        return "others may read it, and there is a key in it: chmod go-r hides it, and api-key-file names another file"
    }
}
