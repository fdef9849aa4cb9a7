// What Swift does with texts by Unicode's rules, done by bytes: to Swift a dot with a mark behind it is another sign than a
// dot, so that whoever writes a text decides where its prefixes and pieces end.

extension StringProtocol {
    /// The text with the letters A to Z in lower case, and no others: by Unicode's rules U+212A would become a k.
    public var asciiLowercase: String { ASCII.lowercased(self) }

    /// Whether the text's bytes begin with those of `start`.
    public func begins(with start: some StringProtocol) -> Bool { utf8.starts(with: start.utf8) }

    /// Whether the text's bytes end with those of `end`.
    public func ends(with end: some StringProtocol) -> Bool {
        utf8.suffix(end.utf8.count).elementsEqual(end.utf8)
    }
}

extension StringProtocol where UTF8View.SubSequence == Substring.UTF8View {
    /// What follows `start`; nil where the text does not begin with it.
    public func rest(after start: some StringProtocol) -> Substring? {
        begins(with: start) ? Substring(utf8.dropFirst(start.utf8.count)) : nil
    }

    /// The pieces between the signs of this value, the empty ones too; after so many signs the rest is one piece.
    public func pieces(between sign: UInt8, most splits: Int = .max) -> [Substring] {
        utf8.split(separator: sign, maxSplits: splits, omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// Without the bytes at both ends for which `isMargin` holds.
    public func trimmed(where isMargin: (UInt8) -> Bool) -> Substring {
        var bytes = utf8.drop(while: isMargin)
        while let last = bytes.last, isMargin(last) { bytes.removeLast() }
        return Substring(bytes)
    }
}
