import Platform

/// An event of a stream (WHATWG HTML, 9.2).
struct StreamEvent: Equatable {
    var name: String
    var data: [UInt8]
    /// The id of the last event that had one.
    var id: String
}

/// Takes server-sent events off a stream as its bytes come. Neither a line nor an event grows beyond a limit.
struct EventReader {
    /// What an event may have; a chunk's scores are some hundred KiB.
    static let largest = 64 << 20
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var name = ""
    private var isFirst = true
    private var isAfterReturn = false
    /// That of the last event that came whole.
    private(set) var lastID: String
    private var nextID: String
    /// How long the server wants a client to wait that has lost the stream.
    private(set) var pause: Duration?

    /// - Parameter lastID: that of the last event that was had before
    init(from lastID: String = "") { (self.lastID, nextID) = (lastID, lastID) }

    /// Takes all bytes, and hands each event that they end to `body`.
    mutating func consume<E: Error>(
        _ bytes: [UInt8], failing: (ReplyError) -> E, _ body: (StreamEvent) throws(E) -> Void
    ) throws(E) {
        for byte in bytes {
            let wasAfterReturn = isAfterReturn
            isAfterReturn = byte == ASCII.carriageReturn
            if byte == ASCII.lineFeed, wasAfterReturn { continue }
            guard byte == ASCII.lineFeed || byte == ASCII.carriageReturn else {
                guard line.count + data.count < Self.largest else {
                    throw failing(ReplyError("an event has more than \(Self.largest) bytes"))
                }
                line.append(byte)
                continue
            }
            if isFirst, line.starts(with: Self.byteOrderMark) { line.removeFirst(3) }
            isFirst = false
            if let event = take() { try body(event) }
            line.removeAll(keepingCapacity: true)
        }
    }

    /// Takes a line; an empty one ends an event.
    private mutating func take() -> StreamEvent? {
        guard !line.isEmpty else {
            defer { (name, data) = ("", []) }
            lastID = nextID
            guard !data.isEmpty else { return nil }
            return StreamEvent(name: name.isEmpty ? "message" : name, data: Array(data.dropLast()), id: lastID)
        }
        let colon = line.firstIndex(of: ASCII.colon) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == ASCII.space { value.removeFirst() }
        let text = { String(decoding: value, as: UTF8.self) }
        let field = line[..<colon]
        if field.elementsEqual("data".utf8) { data += value + [ASCII.lineFeed] }
        if field.elementsEqual("event".utf8) { name = text() }
        if field.elementsEqual("retry".utf8) { pause = ASCII.number(value, most: 6).map { .milliseconds($0) } }
        // It goes into a field of the next request.
        if field.elementsEqual("id".utf8), value.count <= 256, value.allSatisfy({ (0x21...0x7E).contains($0) }) {
            nextID = text()
        }
        return nil
    }
}

/// JSON on one line.
enum OneLine {
    /// What was read as JSON, with a blank in the place of each end of a line, of which none is in a text of it.
    static func of(_ json: [UInt8]) -> [UInt8] {
        json.map { $0 == ASCII.lineFeed || $0 == ASCII.carriageReturn ? ASCII.space : $0 }
    }
}
