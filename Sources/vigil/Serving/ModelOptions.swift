import Engine
import Logging
import Platform
import Tensors
import VadCLIP

/// Which models `vigil serve` serves.
struct ModelOptions {
    let settings: Settings

    /// A model that is to be served.
    private struct Wanted {
        /// Nil for the name that it was imported with.
        let name: String?
        /// Nil for the one that is compiled in.
        let path: String?
        /// Whether the service begins without it where it can't be used.
        let mayFail: Bool
    }

    /// The folder of models, looked at before any of them is read.
    func watch(_ logger: Logger) throws -> ModelWatch {
        let folder = try settings.text("models")
        if let folder {
            var status = stat()
            guard stat(folder, &status) == 0 else {
                let reason = errno == ENOENT || errno == ENOTDIR ? "no such folder" : errnoText(errno)
                throw Failure(.noInput, settings.failure("models", "\(folder): \(reason)").description)
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw settings.failure("models", "\(folder): expected a folder")
            }
        }
        return ModelWatch(folder: folder, logger)
    }

    /// Loads all models that are named, or the embedded one. The first that is named is the default and has to be sound; of the
    /// others those that are not are left out, and told of.
    func library(_ watch: ModelWatch, kernels: Kernels, _ logger: Logger) throws -> ModelLibrary {
        let load: ModelLibrary.Loader = { path, copies throws(ModelLoadError) in
            do {
                return try ModelSource.load(path: path, kernels: kernels, isSettled: true, copies: copies)
            } catch {
                throw ModelLoadError(reason: (Failure(error) ?? Failure(.internal, "\(error)")).description)
            }
        }
        var failed: [(name: String, path: String, reason: String)] = []
        var library: ModelLibrary?
        var names: [String] = []
        for one in try wanted(watch) {
            one.path.map(watch.noteReading)
            let model: Model
            do { model = try ModelSource.load(path: one.path, kernels: kernels) } catch {
                guard one.mayFail, let path = one.path else { throw error }
                let name = one.name ?? Self.stem(of: path)
                let reason = (Failure(error) ?? Failure(.internal, "\(error)")).description
                logger.error(
                    "a model can't be used, and the others are served without it",
                    metadata: ["model": "\(name)", "error": "\(reason)"])
                failed.append((name, path, reason))
                continue
            }
            let name = try name(of: model, one)
            guard !names.contains(where: { $0.hasBytes(of: name) }) else {
                throw settings.failure(
                    "model", "two models are called '\(name)': name one of them otherwise by NAME=FILE")
            }
            names.append(name)
            let version = ModelVersion(model, name: name)
            if let library, let path = one.path {
                library.serve(version, from: path)
            } else {
                library = ModelLibrary(
                    serving: version, from: one.path, folder: watch.folder, reading: watch.noteReading, load: load)
            }
        }
        guard let library else {
            throw settings.failure("models", "no model in \(watch.folder ?? "") can be used: expected one at least")
        }
        for one in failed {
            // What is served keeps its name and its file.
            let name = Self.unused(one.name, among: library.files.map(\.name))
            library.note(failed: name, from: one.path, one.reason)
        }
        return library
    }

    private func wanted(_ watch: ModelWatch) throws(Failure) -> [Wanted] {
        let named = try settings.models()
        var wanted = named.enumerated().map { Wanted(name: $1.name, path: $1.path, mayFail: $0 > 0) }
        for name in watch.names() ?? [] {
            // What is named counts, whatever the folder has under that name.
            if let other = named.first(where: { $0.name?.hasBytes(of: name) == true }) {
                guard !other.path.hasBytes(of: watch.path(of: name)) else { continue }
                watch.passOver(name + ModelLibrary.ending, "--model names another file so")
            } else {
                wanted.append(Wanted(name: name, path: watch.path(of: name), mayFail: true))
            }
        }
        if wanted.isEmpty, watch.folder == nil { return [Wanted(name: nil, path: nil, mayFail: false)] }
        return wanted
    }

    private static func unused(_ name: String, among names: [String]) -> String {
        let all = [name] + (2...names.count + 2).map { "\(name)-\($0)" }
        return all.first { one in !names.contains { $0.hasBytes(of: one) } } ?? name
    }

    private func name(of model: Model, _ wanted: Wanted) throws(Failure) -> String {
        if let name = wanted.name { return name }
        let name = model.info.name
        guard ModelName.isFit(name) else {
            throw settings.failure(
                "model",
                "\(wanted.path ?? "the model") is called \(quoted(name)), expected \(ModelName.expected): name it by NAME=FILE"
            )
        }
        return name
    }

    /// What a model is called by its file, where nothing else is known of it.
    private static func stem(of path: String) -> String {
        let file = path.utf8.split(separator: ASCII.slash).last.map { String(Substring($0)) } ?? path
        let isModel = file.ends(with: ModelLibrary.ending)
        let stem = isModel ? String(Substring(file.utf8.dropLast(ModelLibrary.ending.utf8.count))) : file
        return ModelName.isFit(stem) ? stem : "unnamed"
    }
}
