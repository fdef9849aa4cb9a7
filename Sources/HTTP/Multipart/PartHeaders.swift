import Platform

/// Reads the headers of a part: lines that are each led by CR LF.
enum PartHeaders {
    static func read(_ bytes: ArraySlice<UInt8>, part: Int) throws(MultipartError) -> MultipartPart {
        var name: String?
        var filename: String?
        var contentType: MediaType?
        for line in try lines(bytes, part: part) {
            guard let colon = line.firstIndex(of: ASCII.colon), colon > line.startIndex,
                line[..<colon].allSatisfy(ByteSet.token.contains),
                line[(colon + 1)...].allSatisfy(ByteSet.fieldValue.contains)
            else { throw .malformedPartHeader(part: part) }
            let value = String(decoding: FieldText.trimmed(line[(colon + 1)...]), as: UTF8.self)
            if ASCII.equal(line[..<colon], lowercase: "content-disposition") {
                (name, filename) = disposition(value)
            } else if ASCII.equal(line[..<colon], lowercase: "content-type") {
                contentType = MediaType(value)
            }
        }
        guard let name else { throw .missingName(part: part) }
        return MultipartPart(name: name, filename: filename, contentType: contentType)
    }

    private static func lines(
        _ bytes: ArraySlice<UInt8>, part: Int
    ) throws(MultipartError) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        for line in bytes.split(separator: ASCII.lineFeed).dropFirst() {
            let isLast = line.endIndex == bytes.endIndex
            guard isLast || line.last == ASCII.carriageReturn else { throw .malformedPartHeader(part: part) }
            lines.append(isLast ? line : line.dropLast())
        }
        return lines
    }

    /// The name and the file name. Browsers write a quote in them as `%22`, other clients as `\"`; a backslash before
    /// anything else stands for itself, as in paths of Windows.
    private static func disposition(_ value: String) -> (name: String?, filename: String?) {
        let bytes = Array(value.utf8)
        guard let end = bytes.firstIndex(of: ASCII.semicolon),
            ASCII.equal(FieldText.trimmed(bytes[..<end]), lowercase: "form-data")
        else { return (nil, nil) }
        var found: [ByteText: String] = [:]
        var rest = bytes[end...]
        while rest.first == ASCII.semicolon {
            rest = rest.dropFirst().drop(while: ASCII.isBlank)
            guard let sign = rest.firstIndex(of: ASCII.equals) else { break }
            let key = ASCII.lowercased(String(decoding: FieldText.trimmed(rest[..<sign]), as: UTF8.self))
            guard let value = parameter(&rest, from: sign + 1) else { break }
            if found[key] == nil { found[key] = value }
            rest = rest.drop(while: ASCII.isBlank)
        }
        return (found["name"], found["filename"])
    }

    private static func parameter(_ rest: inout ArraySlice<UInt8>, from start: Int) -> String? {
        rest = rest[start...].drop(while: ASCII.isBlank)
        var content: [UInt8] = []
        guard rest.first == ASCII.quote else {
            let end = rest.firstIndex(of: ASCII.semicolon) ?? rest.endIndex
            content = Array(FieldText.trimmed(rest[..<end]))
            rest = rest[end...]
            return String(decoding: content, as: UTF8.self)
        }
        var index = rest.startIndex + 1
        while index < rest.endIndex, rest[index] != ASCII.quote {
            let isEscape = rest[index] == ASCII.backslash && index + 1 < rest.endIndex && rest[index + 1] == ASCII.quote
            if isEscape { index += 1 }
            content.append(rest[index])
            index += 1
        }
        guard index < rest.endIndex else { return nil }
        rest = rest[(index + 1)...]
        return String(decoding: content, as: UTF8.self)
    }
}
