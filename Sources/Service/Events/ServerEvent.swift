/// One event of `text/event-stream`, as EventSource reads it (HTML, 9.2.6).
struct ServerEvent {
    /// Says how long a client that lost the stream shall wait before it comes back.
    static func retry(milliseconds: Int) -> [UInt8] { Array("retry: \(milliseconds)\n\n".utf8) }

    /// A line that clients pass over, and that keeps proxies from taking the stream for dead.
    static let keepAlive = Array(": keep-alive\n\n".utf8)

    /// What kind of event it is.
    let name: String
    /// What a client that lost the stream names as the last thing it got.
    let id: String
    /// What the event says.
    let data: [UInt8]

    /// The event's lines and the empty one after them.
    var bytes: [UInt8] {
        var bytes = Array("event: \(name)\nid: \(id)\ndata: ".utf8)
        bytes.reserveCapacity(bytes.count + data.count + 2)
        var follows = false
        for byte in data {
            // CR, LF and both together end a line; a line of data is one more field.
            if follows, byte == UInt8(ascii: "\n") {
                follows = false
                continue
            }
            follows = byte == UInt8(ascii: "\r")
            if follows || byte == UInt8(ascii: "\n") {
                bytes.append(contentsOf: "\ndata: ".utf8)
            } else {
                bytes.append(byte)
            }
        }
        bytes.append(contentsOf: "\n\n".utf8)
        return bytes
    }
}
