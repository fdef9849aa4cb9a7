import Foundation

/// What users read: README.md and the pages of docs.
public enum Manual {
    /// The pages in the order in which they are read, by their paths from the repository's root.
    public static let pages =
        ["README.md"]
        + ["http", "command-line", "configuration", "access", "tls", "operations"].map { "docs/\($0).md" }

    /// A page as it is.
    public static func page(_ path: String) throws -> String {
        try String(contentsOfFile: "\(Paths.root)/\(path)", encoding: .utf8)
    }

    /// A page with one blank wherever its lines break.
    public static func text(_ path: String) throws -> String {
        try page(path).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// The lines of all pages.
    public static func lines() throws -> [String] {
        try pages.flatMap { try page($0).split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    }
}
