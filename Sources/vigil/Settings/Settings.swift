import Configuration
import Formats
import Numerics
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Settings by their long names: from the command line, else the environment, else the config file.
struct Settings: Sendable {
    private let providers: [any ConfigProvider]
    private let flags: [String: String]

    /// Reads the config file at `file` (or the one that VIGIL_CONFIG names), if there is one.
    init(file: String?, flags: [String: String?] = [:]) async throws {
        self.flags = flags.compactMapValues { $0 }
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider().prefixKeys(with: ConfigKey("vigil"))
        ]
        if let path = file ?? getenv("VIGIL_CONFIG").map({ String(cString: $0) }), !path.isEmpty {
            try Self.check(path)
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
            } catch {
                throw Failure(.configuration, "config file \(path) can't be read: expected a JSON object of settings")
            }
        }
        self.providers = providers
    }

    /// Throws where the config file is not a JSON object of known settings: a misspelt name would be no setting at all.
    private static func check(_ path: String) throws {
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch { throw Failure(.configuration, "config file: \(error)") }
        let value: JSONValue
        do {
            value = try file.withUnsafeBytes { bytes throws(JSONError) in try JSONReader.parse(bytes, maxBytes: 1 << 20)
            }
        } catch {
            throw Failure(.configuration, "config file \(path) is \(error)")
        }
        guard case .object(let members) = value else {
            throw Failure(.configuration, "config file \(path): expected a JSON object of settings")
        }
        guard let stray = members.first(where: { !SettingNames.all.contains($0.name) }) else { return }
        throw Failure(
            .configuration,
            "config file \(path): no setting '\(stray.name.prefix(60))'; expected \(SettingNames.all.joined(separator: ", "))"
        )
    }

    /// A text, nil where it is not set.
    func string(_ name: String, _ flag: String? = nil) throws -> String? {
        if let flag = flag ?? flags[name] { return flag }
        return try lookup(name, .string) { content in
            if case .string(let text) = content, !text.isEmpty { text } else { nil }
        }
    }

    /// Texts of a setting that is one text or a list of them; none where it is not set.
    func strings(_ name: String) throws -> [String] {
        do {
            return try string(name).map { [$0] } ?? []
        } catch {
            return try lookup(name, .stringArray) { content in
                if case .stringArray(let texts) = content { texts } else { nil }
            } ?? []
        }
    }

    /// The text of a setting of any type, as it would be written on the command line.
    func text(_ name: String, _ flag: String?) throws -> String? {
        if let flag { return flag }
        for type in [ConfigType.string, .double, .bool] {
            let found = try? lookup(name, type) { content in
                switch content {
                case .string(let text): text.isEmpty ? nil : text
                case .double(let number): String(number)
                case .bool(let flag): String(flag)
                default: nil
                }
            }
            if let found { return found }
        }
        return nil
    }

    /// A whole number within `range`, or the default.
    func integer(_ name: String, _ flag: Int?, default value: Int, in range: ClosedRange<Int>) throws -> Int {
        let found =
            try flag ?? lookup(name, .int) { content in if case .int(let number) = content { number } else { nil } }
        guard let found else { return value }
        guard range.contains(found) else {
            throw Failure(
                flag == nil ? .configuration : .usage,
                "--\(name) \(found): expected \(range.lowerBound) to \(range.upperBound)")
        }
        return found
    }

    /// The kernels that VIGIL_KERNELS or --kernels names.
    func kernels() throws -> Kernels {
        do {
            return try Kernels.choose(try string("kernels"))
        } catch let error as KernelsError {
            throw Failure(flags["kernels"] == nil ? .configuration : .usage, error.description)
        }
    }

    private func lookup<Value>(
        _ name: String, _ type: ConfigType, _ unpack: (ConfigContent) -> Value?
    ) throws -> Value? {
        for provider in providers {
            let result: LookupResult
            do {
                result = try provider.value(forKey: AbsoluteConfigKey([name]), type: type)
            } catch {
                throw Failure(
                    .configuration, "setting \(name): expected a \(type == .int ? "whole number" : "text") (\(error))")
            }
            if let value = result.value.flatMap({ unpack($0.content) }) { return value }
        }
        return nil
    }
}
