/// Text in HTML and SVG.
package enum Markup {
    /// The text with what markup is made of escaped, and what can't be shown replaced.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            // The last two are no characters of XML, in whatever way they are written.
            case _ where scalar.properties.generalCategory == .control, "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A table: the first row has the titles; the first column stands to the left, numbers to the right.
    package static func table(_ rows: [[String]]) -> String {
        guard let titles = rows.first else { return "" }
        let head = titles.map { "<th>\(escaped($0))</th>" }.joined()
        let body = rows.dropFirst().map { row in
            "<tr>" + row.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>"
        }.joined(separator: "\n")
        return "<div class=\"wide\"><table><thead><tr>\(head)</tr></thead><tbody>\n\(body)\n</tbody></table></div>\n"
    }

    /// A drawing with a title above it; standing alone it has its colours with it.
    ///
    /// - Parameter left: where the title begins
    package static func svg(_ title: String, width: Int, height: Int, left: Int, alone: Bool, _ parts: [String])
        -> String
    {
        let style = alone ? "<style>\(colours)\(chartStyle)svg { background: var(--page) }</style>" : ""
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" role="img" \
            aria-label="\(escaped(title))">\(style)
            <text x="\(left)" y="20" font-weight="600">\(escaped(title))</text>
            \(parts.joined(separator: "\n"))
            </svg>

            """
    }

    /// Colours by name, light and dark, for the page and for charts that stand alone.
    package static let colours = """
        :root { color-scheme: light dark; --page: #fcfcfb; --panel: #ffffff; --ink: #1d1f22; --soft: #5d636b; \
        --line: #dfe2e6; --coarse: #1f6fb4; --fine: #c2570c; --truth: #b42318; --good: #19794a }
        @media (prefers-color-scheme: dark) { :root { --page: #15171a; --panel: #1d2024; --ink: #e8eaed; --soft: #a2a9b2; \
        --line: #373c43; --coarse: #6cb2f0; --fine: #f2a25c; --truth: #f4776b; --good: #6fd09b } }

        """

    /// How charts look, wherever they stand.
    package static let chartStyle = """
        svg { font: 12px system-ui, sans-serif; fill: var(--ink) }
        svg .frame { fill: none; stroke: var(--line) } svg .grid { stroke: var(--line) } svg .soft { fill: var(--soft) }
        svg .curve { fill: none; stroke-width: 1.8; stroke-linejoin: round } svg .thin { stroke-width: 1.1; opacity: .75 }
        svg .coarse { stroke: var(--coarse) } svg .fine { stroke: var(--fine) } svg .good { stroke: var(--good) }
        svg .chance { stroke: var(--soft); stroke-dasharray: 4 4 } svg .cell { fill: var(--coarse) }
        svg .truth { fill: var(--truth); opacity: .22 } svg .on { fill: var(--page); font-weight: 600 }
        svg .half { fill: #17191c; font-weight: 600 }

        """
}
