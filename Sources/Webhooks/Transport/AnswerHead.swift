import Platform

/// What counts of a receiver's answer.
struct AnswerHead: Equatable {
    let status: Int
    /// The field Retry-After as it came.
    var retryAfter: String?
    /// How many bytes follow; nil where only the end of the connection, or a coding, tells.
    var bodyLength: Int?
}

/// Why what came is no answer.
enum AnswerError: Error, Equatable {
    case notHTTP
    case tooLong
    case bareLineFeed
    case noColon

    var words: String {
        switch self {
        case .notHTTP: "what the receiver answered is no HTTP/1.1"
        case .tooLong: "the head of the receiver's answer is longer than \(AnswerHeadReader.maxBytes) bytes"
        case .bareLineFeed: "a line of the receiver's answer ends in LF alone"
        case .noColon: "a field of the receiver's answer has no colon"
        }
    }
}

/// Reads the head of an answer as it comes, and passes over those that only announce it (1xx).
///
/// Status line and fields end in CR LF; of the fields only a few are looked at (RFC 9112, 4 and 5).
struct AnswerHeadReader {
    /// All heads together have at most so many bytes.
    static let maxBytes = 16 << 10

    private var line: [UInt8] = []
    private var count = 0
    private var head: AnswerHead?
    private var isCoded = false

    /// Takes bytes from `position` on, up to the end of the head.
    ///
    /// - Returns: the head, once it is there
    mutating func consume(_ bytes: Span<UInt8>, at position: inout Int) throws(AnswerError) -> AnswerHead? {
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            count += 1
            guard count <= Self.maxBytes else { throw .tooLong }
            line.append(byte)
            guard byte == UInt8(ascii: "\n") else { continue }
            guard line.dropLast().last == UInt8(ascii: "\r") else { throw .bareLineFeed }
            let text = line.dropLast(2)
            defer { line.removeAll(keepingCapacity: true) }
            if let finished = try take(text) { return finished }
        }
        return nil
    }

    private mutating func take(_ line: ArraySlice<UInt8>) throws(AnswerError) -> AnswerHead? {
        guard var head else {
            self.head = AnswerHead(status: try Self.status(line))
            isCoded = false
            return nil
        }
        if line.isEmpty {
            if [204, 304].contains(head.status) { head.bodyLength = 0 }
            if isCoded { head.bodyLength = nil }
            // 101 is an answer too: another protocol, that nobody asked for.
            let isLast = head.status >= 200 || head.status == 101
            self.head = nil
            return isLast ? head : nil
        }
        // A line that goes on with the one before it (obs-fold) says nothing that is looked at.
        if line.first == UInt8(ascii: " ") || line.first == UInt8(ascii: "\t") { return nil }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .noColon }
        let value = Self.trimmed(line[(colon + 1)...])
        switch String(decoding: line[..<colon], as: UTF8.self).asciiLowercase {
        case "retry-after": head.retryAfter = String(decoding: value, as: UTF8.self)
        case "content-length": head.bodyLength = ASCII.number(value, most: 15)
        case "transfer-encoding": isCoded = true
        default: break
        }
        self.head = head
        return nil
    }

    /// `HTTP/1.1 200 OK`, with or without the words at the end.
    private static func status(_ line: ArraySlice<UInt8>) throws(AnswerError) -> Int {
        let version = line.prefix(9)
        let rest = line.dropFirst(9)
        guard version.count == 9, version.starts(with: "HTTP/1.".utf8), version.last == UInt8(ascii: " "),
            ASCII.isDigit(version[version.startIndex + 7]),
            let status = ASCII.number(rest.prefix(3), most: 3), (100...599).contains(status),
            rest.count == 3 || rest.dropFirst(3).first == UInt8(ascii: " ")
        else { throw .notHTTP }
        return status
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var bytes = bytes.drop(while: isBlank)
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return bytes
    }
}
