import HTTPTypes
import Platform

/// How an answer's body is delimited.
enum ResponseFraming: Sendable, Equatable {
    /// There can be no body, and nothing is said about one (204, 304).
    case none
    case length(Int)
    case chunked
    /// Up to the end of the connection, for HTTP/1.0.
    case untilClose
    /// An answer to HEAD whose length would not be known.
    case unsaid
}

/// Writes the heads of answers and the chunks of their bodies.
struct ResponseEncoder {
    /// What goes into a head beside the handler's answer.
    struct Surroundings {
        var framing: ResponseFraming
        var connection: ConnectionOption
        var requestID: String
        var dateLine: [UInt8]
        var serverName: String?
    }

    /// What the Connection field says, if it is needed.
    enum ConnectionOption: Equatable {
        case unsaid, close, keepAlive
    }

    /// Whether a field is the server's to write; told by its length first, since most are not.
    private static func isOwn(_ name: HTTPField.Name) -> Bool {
        switch name.canonicalName.utf8.count {
        case 4: name == .date
        case 6: name == .server
        case 7: name == .trailer || name == .upgrade
        case 10: name == .connection
        case 12: name == .requestID
        case 14: name == .contentLength
        case 17: name == .transferEncoding
        case 22: name == .xContentTypeOptions
        default: false
        }
    }

    /// Appends the status line, all fields and the empty line.
    static func appendHead(_ response: Response, _ surroundings: Surroundings, to buffer: inout [UInt8]) {
        buffer += "HTTP/1.1 ".utf8
        append(response.status.code, to: &buffer)
        buffer.append(ASCII.space)
        buffer += response.status.reasonPhrase.utf8
        buffer += "\r\n".utf8
        buffer += surroundings.dateLine
        if let name = surroundings.serverName { append("Server: ", name, to: &buffer) }
        for field in response.fields where !isOwn(field.name) {
            buffer += field.name.rawName.utf8
            append(": ", field.value, to: &buffer)
        }
        append("X-Request-Id: ", surroundings.requestID, to: &buffer)
        buffer += "X-Content-Type-Options: nosniff\r\n".utf8
        switch surroundings.framing {
        case .length(let length):
            buffer += "Content-Length: ".utf8
            append(length, to: &buffer)
            buffer += "\r\n".utf8
        case .chunked: buffer += "Transfer-Encoding: chunked\r\n".utf8
        case .none, .untilClose, .unsaid: break
        }
        switch surroundings.connection {
        case .close: buffer += "Connection: close\r\n".utf8
        case .keepAlive: buffer += "Connection: keep-alive\r\n".utf8
        case .unsaid: break
        }
        buffer += "\r\n".utf8
    }

    /// Appends one chunk; an empty one would end the body, so it is left out.
    static func appendChunk(_ bytes: [UInt8], to output: inout OutputQueue) {
        guard !bytes.isEmpty else { return }
        output.build { $0 += "\(String(bytes.count, radix: 16))\r\n".utf8 }
        output.append(bytes)
        output.build { $0 += "\r\n".utf8 }
    }

    /// The chunk that ends a body.
    static let lastChunk = Array("0\r\n\r\n".utf8)

    /// The interim answer that asks for the body.
    static let continueHead = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Appends a label, a value and CR LF. Whatever control characters a value has become spaces, so that no value
    /// can end its line.
    private static func append(_ label: StaticString, _ value: String, to buffer: inout [UInt8]) {
        // Sound: a StaticString of ASCII lives as long as the program.
        buffer.append(contentsOf: UnsafeBufferPointer(start: label.utf8Start, count: label.utf8CodeUnitCount))
        let start = buffer.count
        buffer += value.utf8
        for index in start..<buffer.count where !ByteSet.fieldValue.contains(buffer[index]) {
            buffer[index] = ASCII.space
        }
        buffer += "\r\n".utf8
    }

    /// Appends a number that is not negative in decimal, without a String.
    private static func append(_ number: Int, to buffer: inout [UInt8]) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        var rest = number
        while divisor > 0 {
            buffer.append(ASCII.zero + UInt8(truncatingIfNeeded: rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }
}

/// The Date field line of answers, made once a second. It belongs to one event loop.
final class DateLine {
    private let secondsSinceEpoch: () -> Int
    private var second = Int.min
    private var line: [UInt8] = []

    /// - Parameter secondsSinceEpoch: the wall clock.
    init(secondsSinceEpoch: @escaping () -> Int) {
        self.secondsSinceEpoch = secondsSinceEpoch
    }

    /// `Date: …` with its CR LF, of this second.
    func current() -> [UInt8] {
        let now = secondsSinceEpoch()
        if now != second {
            second = now
            line = Array("Date: \(HTTPDate.string(secondsSinceEpoch: now))\r\n".utf8)
        }
        return line
    }
}

/// Dates as HTTP writes them, such as `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate; RFC 9110, 5.6.7).
public enum HTTPDate {
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

    /// Formats a time.
    ///
    /// - Parameter seconds: since the beginning of 1970 in UTC; years 0 to 9999 come out right.
    public static func string(secondsSinceEpoch seconds: Int) -> String {
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let second = seconds - days * 86_400
        let date = CalendarDate(daysSince1970: days)
        let weekday = weekdays[((days % 7) + 7) % 7]
        let time = [second / 3600, second / 60 % 60, second % 60].map { String($0, digits: 2) }.joined(separator: ":")
        return "\(weekday), \(String(date.day, digits: 2)) \(CalendarDate.monthNames[date.month - 1]) "
            + "\(String(date.year, digits: 4)) \(time) GMT"
    }
}
