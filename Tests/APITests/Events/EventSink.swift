import HTTP
import Synchronization
import Yams

/// Takes what a stream writes, and reads it as a client does.
final class EventSink: Sendable {
    /// An event that has come.
    struct Event: Equatable {
        var name = "message"
        var id = ""
        var data = ""

        /// The data, read.
        var document: APIDescription.Node {
            (try? Yams.load(yaml: data)) as? APIDescription.Node ?? [:]
        }
    }

    private struct State {
        var bytes: [UInt8] = []
        var isGone = false
        var listener: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// What the stream is given to write to.
    var writer: ResponseWriter {
        ResponseWriter { [self] bytes throws(ResponseWriteError) in
            let isGone = state.withLock { state in
                if !state.isGone { state.bytes += bytes }
                return state.isGone
            }
            if isGone { throw .connectionClosed }
        } whenInputEnds: { [self] action in
            state.withLock { $0.listener = action }
        }
    }

    /// All that has come.
    var text: String { state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }

    /// The client ends its side of the connection.
    func endInput() { state.withLock { $0.listener.take() }?() }

    /// Writing fails from now on.
    func leave() { state.withLock { $0.isGone = true } }

    /// Returns once what has come contains `part`.
    func waitFor(_ part: String) async {
        while !text.contains(part), !Task.isCancelled { await Task.yield() }
    }

    /// The events that have come whole.
    var events: [Event] {
        var events: [Event] = []
        var event = Event()
        var data: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty {
                event.data = data.joined(separator: "\n")
                if !data.isEmpty { events.append(event) }
                (event, data) = (Event(), [])
            } else if line.hasPrefix("event: ") {
                event.name = String(line.dropFirst(7))
            } else if line.hasPrefix("id: ") {
                event.id = String(line.dropFirst(4))
            } else if line.hasPrefix("data: ") {
                data.append(line.dropFirst(6))
            }
        }
        return events
    }
}
