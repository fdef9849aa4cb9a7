import Platform

/// An answer to a request.
struct Answer: Equatable {
    var status = 0
    var contentType = ""
    var body: [UInt8] = []
    /// Bytes of the head and of the body as they came.
    var received = 0
    /// Whether the server ends the connection after it.
    var closes = false
}

/// Takes answers off a connection (RFC 9112): just what a client needs that sends one request at a time.
struct AnswerReader {
    /// Puts bytes into the room that it is given: how many, 0 at the end, or an error code below 0.
    typealias Source = (UnsafeMutableRawBufferPointer) -> Int

    /// How a body is delimited.
    private enum Framing {
        case length(Int)
        case chunked
        case untilClose
    }

    private static let largestLine = 16 << 10
    private static let largestBody = 1 << 30

    private var bytes = [UInt8](repeating: 0, count: 64 << 10)
    private var filled = 0
    private var at = 0

    /// Reads one answer; what comes after it is an error, since nothing was asked for.
    mutating func read(from source: Source) throws(ClientError) -> Answer {
        (at, filled) = (0, 0)
        var answer = Answer()
        var framing = Framing.untilClose
        repeat { framing = try head(into: &answer, source) } while (100..<200).contains(answer.status)
        switch framing {
        case .length(let length):
            try need(length, source)
            answer.body = Array(bytes[at..<at + length])
            at += length
        case .chunked: try chunks(into: &answer, source)
        case .untilClose:
            while try fill(source) > 0 {}
            answer.body = Array(bytes[at..<filled])
            at = filled
            answer.closes = true
        }
        guard at == filled else { throw .malformed("\(filled - at) bytes follow an answer") }
        answer.received = filled
        return answer
    }

    private mutating func head(into answer: inout Answer, _ source: Source) throws(ClientError) -> Framing {
        let range = try line(source)
        let first = bytes[range]
        guard first.starts(with: "HTTP/1.".utf8), first.count >= 12 else {
            throw .malformed("it begins with '\(String(decoding: first.prefix(40), as: UTF8.self))'")
        }
        let isOld = first[first.startIndex + 7] == UInt8(ascii: "0")
        guard let status = Int(String(decoding: first.dropFirst(9).prefix(3), as: UTF8.self)), status >= 100 else {
            throw .malformed("its status is no number")
        }
        answer.status = status
        answer.closes = isOld
        var framing = status < 200 || status == 204 || status == 304 ? Framing.length(0) : .untilClose
        while true {
            let field = try line(source)
            if field.isEmpty { return framing }
            if let value = value(of: field, named: "content-length") {
                guard let length = Int(value), (0...Self.largestBody).contains(length) else {
                    throw .malformed("its Content-Length is '\(value.prefix(40))'")
                }
                if case .untilClose = framing { framing = .length(length) }
            } else if let value = value(of: field, named: "transfer-encoding") {
                guard ASCII.equal(value, ignoringCase: "chunked") else {
                    throw .malformed("its Transfer-Encoding is not chunked")
                }
                framing = .chunked
            } else if let value = value(of: field, named: "connection") {
                answer.closes = ASCII.equal(value, ignoringCase: "close")
            } else if let value = value(of: field, named: "content-type") {
                answer.contentType = value
            }
        }
    }

    private mutating func chunks(into answer: inout Answer, _ source: Source) throws(ClientError) {
        while true {
            let range = try line(source)
            let digits = bytes[range].prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0,
                size <= Self.largestBody - answer.body.count
            else { throw .malformed("the size of a chunk is no number, or beyond 1 GiB") }
            if size == 0 { break }
            try need(size + 2, source)
            answer.body += bytes[at..<at + size]
            at += size + 2
        }
        while try !line(source).isEmpty {}
    }

    /// The value of the field line, if that is its name, which is given in lower case.
    private func value(of line: Range<Int>, named name: StaticString) -> String? {
        let count = name.utf8CodeUnitCount
        guard line.count > count, bytes[line.lowerBound + count] == UInt8(ascii: ":") else { return nil }
        for index in 0..<count where bytes[line.lowerBound + index] | 0x20 != name.utf8Start[index] { return nil }
        let value = bytes[(line.lowerBound + count + 1)..<line.upperBound]
        let blanks: [UInt8] = [0x20, 0x09]
        let trimmed = value.drop { blanks.contains($0) }
        return String(
            decoding: trimmed.prefix(upTo: (trimmed.lastIndex { !blanks.contains($0) } ?? trimmed.startIndex - 1) + 1),
            as: UTF8.self)
    }

    /// The next line without its end, which is taken.
    private mutating func line(_ source: Source) throws(ClientError) -> Range<Int> {
        let start = at
        var searched = at
        while true {
            if let end = bytes[searched..<filled].firstIndex(of: 0x0A) {
                at = end + 1
                return start..<(end > start && bytes[end - 1] == 0x0D ? end - 1 : end)
            }
            searched = filled
            guard filled - start <= Self.largestLine else { throw .malformed("a line has no end") }
            guard try fill(source) > 0 else { throw .broken("the server ended the connection") }
        }
    }

    /// Reads until `count` bytes lie before us.
    private mutating func need(_ count: Int, _ source: Source) throws(ClientError) {
        while filled - at < count {
            guard try fill(source) > 0 else { throw .broken("the server ended the connection within an answer") }
        }
    }

    /// Reads what is there; the room grows with what has come, never with what was announced.
    private mutating func fill(_ source: Source) throws(ClientError) -> Int {
        if filled == bytes.count {
            guard filled <= Self.largestBody else { throw .malformed("it is larger than 1 GiB") }
            bytes.append(contentsOf: repeatElement(0, count: filled))
        }
        let start = filled
        let count = bytes.withUnsafeMutableBytes { source(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
        guard count >= 0 else { throw .broken(HTTPClient.reason(Int32(-count))) }
        filled += count
        return count
    }
}
