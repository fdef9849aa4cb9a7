import HTTPTypes

@testable import HTTP

/// Requests one after another, as a connection brings them: heads, and bodies of a length or in chunks.
func checkRequests(_ input: UnsafeRawBufferPointer) {
    var limits = Limits()
    // Small ones, so that the fuzzer gets to them.
    limits.maxTargetBytes = 200
    limits.maxHeaderLineBytes = 300
    limits.maxHeaderBytes = 1000
    limits.maxHeaderFields = 20
    limits.maxTrailerBytes = 100
    limits.maxChunkExtensionBytes = 100
    let outcome = checkPieces(input) { input, pieces in
        var reader = RequestSequence(limits: limits)
        for piece in pieces { withExactCopy(of: input, piece) { reader.feed($0) } }
        return reader.events
    }
    checkLaws(of: outcome, limits)
}

/// What a sequence of requests was found to be.
enum RequestEvent: Equatable {
    case head(Head)
    case body([UInt8])
    case end
    case refused(Int, String)

    /// A head, with all that the layers above see of it.
    struct Head: Equatable {
        var method: String
        var path: String
        var query: [String]
        var version: HTTPVersion
        var fields: [String]
        var controls: RequestControls
        /// Bytes from the first of the method to the last line end.
        var bytes: [UInt8]
    }
}

/// Reads heads and bodies in turn until something is refused.
private struct RequestSequence {
    private enum State {
        case head(RequestParser)
        case length(Int)
        case chunked(ChunkedBodyParser)
        case refused
    }

    private(set) var events: [RequestEvent] = []
    private let limits: Limits
    private var state: State

    init(limits: Limits) {
        self.limits = limits
        state = .head(RequestParser(limits: limits))
    }

    mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        bytes.withMemoryRebound(to: UInt8.self) { buffer in
            var position = 0
            while position < buffer.count {
                do throws(HTTPProblem) {
                    let before = position
                    let count = events.count
                    try step(buffer.span, &position)
                    require(position > before || events.count > count || isRefused, "a step does something")
                } catch {
                    events.append(.refused(error.status.code, error.slug))
                    state = .refused
                }
                if isRefused { return }
            }
        }
    }

    private var isRefused: Bool {
        if case .refused = state { return true }
        return false
    }

    private mutating func step(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPProblem) {
        switch state {
        case .head(var parser):
            let head = try parser.consume(input, at: &position)
            state = .head(parser)
            if let head { begin(head) }
        case .length(let length):
            let end = position + min(length, input.count - position)
            append(input, position..<end)
            state = .length(length - (end - position))
            if length == end - position { endBody() }
            position = end
        case .chunked(var parser):
            let element: ChunkedBodyParser.Element?
            do throws(BodyError) { element = try parser.next(input, at: &position) } catch { throw HTTPProblem(error) }
            state = .chunked(parser)
            switch element {
            case .data(let range): append(input, range)
            case .end: endBody()
            case nil: require(position == input.count, "a parser that waits has read all that is there")
            }
        case .refused: position = input.count
        }
    }

    private mutating func begin(_ head: RequestHead) {
        events.append(
            .head(
                .init(
                    method: head.method.rawValue, path: head.path, query: head.query.map { "\($0.name)=\($0.value)" },
                    version: head.version, fields: head.fields.map { "\($0.name): \($0.value)" },
                    controls: head.controls, bytes: head.fields.bytes)))
        switch head.controls.framing {
        case .none: endBody()
        case .length(let length): state = .length(length)
        case .chunked: state = .chunked(ChunkedBodyParser(limits: limits))
        }
    }

    private mutating func append(_ input: Span<UInt8>, _ range: Range<Int>) {
        let bytes = range.map { input[$0] }
        if case .body(let before) = events.last {
            events[events.count - 1] = .body(before + bytes)
        } else {
            events.append(.body(bytes))
        }
    }

    private mutating func endBody() {
        events.append(.end)
        state = .head(RequestParser(limits: limits))
    }
}

private func checkLaws(of events: [RequestEvent], _ limits: Limits) {
    for event in events {
        switch event {
        case .head(let head): checkLaws(of: head, limits)
        case .body(let bytes): require(!bytes.isEmpty, "a piece of a body has bytes")
        case .refused(let status, _): require((400...599).contains(status), "\(status) is a refusal")
        case .end: break
        }
    }
}

/// What may be relied on of each head that was taken, checked from its bytes without the parser's help.
private func checkLaws(of head: RequestEvent.Head, _ limits: Limits) {
    let bytes = head.bytes
    require(bytes.suffix(4).elementsEqual("\r\n\r\n".utf8), "a head ends with an empty line")
    for index in bytes.indices {
        let isLineFeed = bytes[index] == 0x0A
        require(!isLineFeed || index > 0 && bytes[index - 1] == 0x0D, "no LF without CR")
        require(bytes[index] != 0x0D || index + 1 < bytes.count && bytes[index + 1] == 0x0A, "no CR without LF")
        let isControl = bytes[index] < 0x20 && ![0x09, 0x0A, 0x0D].contains(bytes[index]) || bytes[index] == 0x7F
        require(!isControl, "no control characters")
    }
    require(head.path == "*" || head.path.isEmpty || head.path.hasPrefix("/"), "a path begins with a slash")
    require(!head.path.split(separator: "/").contains { $0 == "." || $0 == ".." }, "no dot segments")
    require(!head.path.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "no control characters in a path")
    require(head.path.utf8.count <= limits.maxTargetBytes, "the target's limit holds")
    require(head.fields.count <= limits.maxHeaderFields, "the limit of fields holds")
    require(head.fields.allSatisfy { $0.utf8.count <= limits.maxHeaderLineBytes * 3 }, "the line's limit holds")
    let names = head.fields.map { $0.prefix { $0 != ":" } }
    require(head.version == .http10 || names.filter { $0 == "host" }.count == 1, "HTTP/1.1 has one Host")
    let isChunked = names.contains("transfer-encoding")
    require(isChunked == (head.controls.framing == .chunked), "Transfer-Encoding and nothing else means chunks")
    require(!isChunked || !names.contains("content-length"), "there is one framing")
    let lengths = Set(head.fields.filter { $0.hasPrefix("content-length: ") }.map { Int($0.dropFirst(16)) })
    require(lengths.count <= 1 && !lengths.contains(nil), "there is one length, and it is a number")
    if !isChunked { require(head.controls.framing.declaredLength == (lengths.first ?? 0), "the length is the field's") }
}
