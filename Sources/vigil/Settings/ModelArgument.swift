import Engine
import Platform
import Scoring

/// A model that a setting names: `FILE`, or `NAME=FILE` for another name than the one that it was imported with.
struct ModelArgument: Equatable {
    /// Nil for the model's own.
    let name: String?
    let path: String

    /// What stands before the first equals sign is the name where it can be one. Where it can't, the text may be a path with
    /// such a sign in it, which then is there.
    init(_ text: String) throws(SettingFault) {
        guard let sign = text.utf8.firstIndex(of: ASCII.equals) else {
            (name, path) = (nil, text)
            return
        }
        let name = String(text[..<sign])
        let file = String(text[text.utf8.index(after: sign)...])
        if ModelName.isFit(name), !file.isEmpty {
            (self.name, path) = (name, file)
        } else if InputFile.fault(text) == nil {
            (self.name, path) = (nil, text)
        } else {
            throw SettingFault(found: file.isEmpty ? "'\(text.prefix(60))'" : "the name '\(name.prefix(60))'")
        }
    }

    /// What is named in one text: a list in JSON; or one after another with commas between, where each but the first is
    /// `NAME=FILE`, since a path may have commas.
    static func entries(of text: String) throws(SettingFault) -> [String] {
        if text.utf8.first == UInt8(ascii: "["), let entries = GivenValue.text(text).entries {
            for entry in entries { _ = try ModelArgument(entry) }
            return entries
        }
        var entries: [String] = []
        for piece in text.utf8.split(separator: ASCII.comma, omittingEmptySubsequences: false) {
            let piece = String(Substring(piece))
            let name = piece.utf8.firstIndex(of: ASCII.equals).map { GivenValue.trimmed(String(piece[..<$0])) }
            if let last = entries.popLast() {
                if let name, ModelName.isFit(name) {
                    entries += [last, GivenValue.trimmed(piece)]
                } else {
                    entries.append(last + "," + piece)
                }
            } else {
                entries.append(piece)
            }
        }
        entries = entries.map { GivenValue.trimmed($0) }
        for entry in entries { _ = try ModelArgument(entry) }
        return entries
    }
}

extension Settings {
    /// The model files that are named, in their order.
    func models() throws(Failure) -> [ModelArgument] {
        var models: [ModelArgument] = []
        for text in try entries(ifSet: "model") ?? [] {
            do throws(SettingFault) { models.append(try ModelArgument(text)) } catch {
                throw failure("model", "found \(error.found)")
            }
        }
        return models
    }

    /// The one model file that is named for a command that works with one; of several in a place that other commands share
    /// the first. Nil where none is.
    func model() throws(Failure) -> ModelArgument? {
        let models = try models()
        if models.count > 1, place(of: "model") == .option {
            throw failure("model", "given \(models.count) times: expected one model here")
        }
        return models.first
    }
}
