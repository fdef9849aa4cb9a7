import Platform

/// What a model may be called: what can stand in a path of the API, in a log and in a file's name as it is.
public enum ModelName {
    /// The most bytes of a name.
    public static let longest = 64

    /// What is expected of a name, for a person.
    public static let expected = "1 to \(longest) letters, digits, '.', '_' and '-', the first a letter or a digit"

    /// Whether a text can be a model's name.
    public static func isFit(_ text: String) -> Bool {
        guard let first = text.utf8.first, ASCII.isAlphanumeric(first), text.utf8.count <= longest else { return false }
        return text.utf8.allSatisfy { ASCII.isAlphanumeric($0) || "._-".utf8.contains($0) }
    }

    /// A name, or a name, `@` and what stands for the first digits of a SHA-256 behind it.
    public static func parts(of text: String) -> (name: String, digits: String?) {
        guard let sign = text.utf8.lastIndex(of: UInt8(ascii: "@")) else { return (text, nil) }
        return (String(text[..<sign]), String(text[text.utf8.index(after: sign)...]))
    }
}
