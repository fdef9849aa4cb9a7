import Extraction
import Formats
import Frames
import Platform

/// The files that features are written to: `DIR/NAME.npy`, or `DIR/NAME__CROP.npy`, and `.json` beside each.
struct ExtractOutputs {
    let folder: String
    private let crops: [Int?]
    private let isNumbered: Bool

    /// Looks at all of them; throws where they can't be written, where two would be one, or one would take the place of a file
    /// that is read, or of one that is none of this command's.
    ///
    /// - Parameter others: files that are read beside the inputs
    init(_ folder: String, inputs: [String], others: [String], crops: [Int?]) throws {
        self.folder = folder
        self.crops = crops
        isNumbered = crops.count > 1
        do throws(FileError) {
            guard !folder.isEmpty else { throw FileError.notWritable(path: folder, reason: "a folder is expected") }
            _ = try WorkFolder.check(folder)
        } catch {
            throw Failure(.configuration, "--output \(error)")
        }
        var owners: [ByteText: String] = [:]
        let read = Set((inputs + others).compactMap { FileIdentity($0) })
        for input in inputs {
            let own = try paths(of: input)
            for path in own.flatMap({ [$0.npy, $0.json] }) {
                if let other = owners.updateValue(input, forKey: ByteText(path)) {
                    throw Failure(.usage, "\(other) and \(input) would both be written to \(path)")
                }
                do throws(FileError) { try AtomicFile.checkLength(path: path) } catch {
                    throw Failure(.configuration, "--output \(error)")
                }
                if let place = FileIdentity(path), read.contains(place) {
                    throw Failure(
                        .usage, "--output: \(path) is one of the files that are read: expected another folder")
                }
                if access(path, F_OK) == 0 {
                    do throws(FileError) { try AtomicFile.check(path: path) } catch {
                        throw Failure(.configuration, "--output \(error)")
                    }
                }
            }
            for path in own { try Self.checkMayBeReplaced(path.npy, path.json) }
        }
    }

    /// Throws where there is a file that this command did not write: what it did has its recipe beside it.
    private static func checkMayBeReplaced(_ npy: String, _ json: String) throws(Failure) {
        guard !RecipeFile.isOne(json) else { return }
        let advice = ": move or remove it, or name another folder"
        if access(npy, F_OK) == 0 {
            throw Failure(
                .usage,
                "--output: \(npy) is there, and no \(json) beside it that says how vigil extract made it\(advice)")
        }
        if access(json, F_OK) == 0 {
            throw Failure(.usage, "--output: \(json) is there, and vigil extract did not write it\(advice)")
        }
    }

    /// Makes the folder.
    func make() throws {
        do throws(FileError) { try WorkFolder.make(folder) } catch {
            throw Failure(.configuration, "--output \(error)")
        }
    }

    /// Where an input's features go, by crop.
    func paths(of input: String) throws -> [(npy: String, json: String)] {
        let name = try Self.name(of: input)
        let prefix = folder.ends(with: "/") ? folder : folder + "/"
        return crops.map { crop in
            let start = prefix + name + (isNumbered ? crop.map { "__\($0)" } ?? "" : "")
            return (start + ".npy", start + ".json")
        }
    }

    /// Whether a video's features are there already, which is said then.
    func isDone(_ input: String, _ settings: ExtractionSettings, _ tower: LoadedTower) throws -> Bool {
        let paths = try paths(of: input)
        let recipes = settings.recipes.map { settings.digest(of: $0) }
        guard let warnings = DoneVideo.warnings(of: input, paths, recipes: recipes, tower: tower.digest) else {
            return false
        }
        for warning in warnings { Terminal.note("\(input): \(warning)") }
        if Terminal.isInteractive {
            try Terminal.print(Array("\(paths[0].npy): is there already, made of \(input) as it is".utf8))
        } else {
            try Terminal.print(DoneVideo.json(input, outputs: paths.map(\.npy), warnings: warnings), asJSON: true)
        }
        return true
    }

    /// Writes what came of a video, and says so.
    func write(_ document: ExtractDocument) throws {
        let paths = try paths(of: document.input)
        for (index, path) in paths.enumerated() {
            let features = document.extraction.features[index]
            // Whoever is stopped between the two leaves features without a recipe, not with that of others.
            guard unlink(path.json) == 0 || errno == ENOENT else {
                throw Failure(.configuration, "'\(path.json)' can't be replaced: \(errnoText(errno))")
            }
            try Self.write(
                NPYWriter.encode(features.values, rows: features.rows, columns: features.columns), to: path.npy)
            try Self.write(document.recipe(index, features: path.npy) + [ASCII.lineFeed], to: path.json)
        }
        for warning in document.warnings { Terminal.note("\(document.input): \(warning)") }
        if Terminal.isInteractive {
            try Terminal.print(Array(document.line(outputs: paths.map(\.npy)).utf8))
        } else {
            try Terminal.print(document.json(outputs: paths.map(\.npy)), asJSON: true)
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        do throws(FileError) { try AtomicFile.write(bytes, to: path) } catch {
            throw Failure(.configuration, error.description)
        }
    }

    /// What an input is called: its last part, a file's without its ending.
    static func name(of input: String) throws -> String {
        if input == FeatureReader.standardInput { return "stdin" }
        let parts = input.utf8.split(separator: ASCII.slash)
        guard let last = parts.last.map({ String(Substring($0)) }), last != ".", last != ".." else {
            throw Failure(.usage, "\(input) has no name of its own to call the features by: name it in full")
        }
        guard let dot = last.utf8.lastIndex(of: UInt8(ascii: ".")), dot != last.startIndex else { return last }
        var status = stat()
        let isFolder = stat(input, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        return isFolder ? last : String(last[..<dot])
    }
}
