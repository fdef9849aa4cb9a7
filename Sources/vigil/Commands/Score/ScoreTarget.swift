import Formats
import Platform
import Reports

/// Where results go, and in what form.
struct ScoreTarget {
    enum Place: Equatable {
        case standardOutput
        /// All of them in one file.
        case file(String)
        /// A file each.
        case folder(String)
    }

    let place: Place
    let form: ScoreForm
    let perFrame: Bool
    let hasSweep: Bool
    let size: ReportedSize?

    /// Throws where what was asked for does not go together, can't be written, or would take the place of what is read.
    ///
    /// - Parameters:
    ///   - format: what was asked for by name; nil or `auto` for what fits the place
    ///   - inputs: the files that are scored
    ///   - others: what is read beside them
    init(
        _ options: ScoreWriting, format: String?, inputs: [String], others: [String], isComparing: Bool
    ) throws {
        place = try options.output.map { try Self.place(of: $0) } ?? .standardOutput
        (perFrame, hasSweep, size) = (options.perFrame, options.sweep, try options.size)
        if let format, let named = ScoreForm(named: format) {
            form = named
        } else {
            form =
                switch place {
                case .standardOutput: Terminal.isInteractive ? .table : .json
                case .file(let path): try ScoreForm(ofFile: path)
                case .folder: .json
                }
        }
        try check(isComparing: isComparing, count: inputs.count)
        try checkFiles(inputs: inputs, others: others)
    }

    /// A folder where there is one, or what is named as one.
    private static func place(of output: String) throws(Failure) -> Place {
        var status = stat()
        let isThere = stat(output, &status) == 0
        if output.ends(with: "/") || isThere && status.st_mode & S_IFMT == S_IFDIR {
            do throws(FileError) { _ = try WorkFolder.check(output) } catch {
                throw Failure(.configuration, "--output \(error)")
            }
            return .folder(output)
        }
        do throws(FileError) { try AtomicFile.check(path: output) } catch {
            throw Failure(.configuration, "--output \(error)")
        }
        return .file(output)
    }

    private func check(isComparing: Bool, count: Int) throws(Failure) {
        func conflict(_ option: String, _ reason: String) -> Failure {
            Failure(.usage, "\(option): \(reason), and the results are written as \(form.name)")
        }
        if isComparing, !form.hasComparison {
            throw conflict("--compare", "two models are compared in json, jsonl and table")
        }
        if isComparing, perFrame || hasSweep {
            throw Failure(.usage, "--\(perFrame ? "per-frame" : "sweep") is of one model, and --compare names a second")
        }
        if perFrame, !form.hasFrames { throw conflict("--per-frame", "frames have scores in json, jsonl, csv and npy") }
        if hasSweep, !form.hasSweep {
            throw conflict("--sweep", "other thresholds are told in json, jsonl, csv, table and html")
        }
        if perFrame, hasSweep, form == .report(.csv) {
            throw Failure(.usage, "--per-frame and --sweep: a table of csv has rows of one or of the other")
        }
        if size != nil, !form.hasBoxes {
            throw conflict("--frame-size", "boxes are in coco, dive-json and dive-csv")
        }
        if form.isBinary, place == .standardOutput, Terminal.isInteractive {
            throw Failure(.usage, "--format npy is not for a terminal: expected --output, or a pipe")
        }
        if !form.isOfMany, count > 1, case .folder = place { return }
        if !form.isOfMany, count > 1 {
            throw Failure(
                .usage,
                "--format \(form.name) is a file a video, and \(count) are named: expected a folder by --output, such as "
                    + "--output scores/")
        }
    }

    /// Throws where a file would be written in the place of one that is read, or two files would be one.
    private func checkFiles(inputs: [String], others: [String]) throws {
        let read = Set((inputs + others).compactMap { FileIdentity($0) })
        func check(_ path: String) throws(Failure) {
            guard let identity = FileIdentity(path), read.contains(identity) else { return }
            throw Failure(.usage, "--output: \(path) is one of the files that are read: expected another place")
        }
        switch place {
        case .standardOutput: return
        case .file(let path): try check(path)
        case .folder:
            var owners: [ByteText: String] = [:]
            for input in inputs {
                let path = try self.path(of: input)
                if let other = owners.updateValue(input, forKey: ByteText(path)) {
                    throw Failure(.usage, "--output: \(other) and \(input) would both be written to \(path)")
                }
                try check(path)
                do throws(FileError) { try AtomicFile.checkLength(path: path) } catch {
                    throw Failure(.configuration, "--output \(error)")
                }
            }
        }
    }

    /// Where an input's results go in the folder.
    ///
    /// - Parameter label: what a matrix is called where its file has several: the path and its name
    func path(of input: String, label: String? = nil) throws -> String {
        guard case .folder(let folder) = place else { return "" }
        let isPacked = input.asciiLowercase.ends(with: ".gz")
        var name = try ExtractOutputs.name(of: isPacked ? String(input.dropLast(3)) : input)
        if let inner = label?.rest(after: input + "/") {
            // A matrix may be called anything; its file is in this folder.
            let safe = inner.utf8.map { byte in
                byte == ASCII.slash || byte < ASCII.space || byte == 0x7F ? UInt8(ascii: "_") : byte
            }
            name += "-" + String(decoding: safe, as: UTF8.self)
        }
        return (folder.ends(with: "/") ? folder : folder + "/") + name + "." + form.ending
    }
}
