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
        for entry in entries { _ = try ModelArgument(entry) }
        return entries
    }
}
