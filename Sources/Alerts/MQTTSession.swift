import CMosquitto
import Platform

/// One connection of an ``MQTTClient``, from the first try to its end. It lives on the client's thread, and the library calls it
/// there alone.
///
/// The library's own loop is not used: it waits by `select`, which can't watch the descriptors of a server with more than
/// 1,024 connections.
final class MQTTSession {
    private static let keepAlive: CInt = 15
    /// How long a broker may take to answer.
    private static let patience = Duration.seconds(20)
    /// For the farewell.
    private static let farewell = Duration.seconds(2)

    private let client: MQTTClient
    private let table: vigil_mosquitto
    private var handle: OpaquePointer?
    /// The tickets of messages that are not acknowledged, by the messages' numbers.
    private var onTheirWay: [CInt: MQTTClient.Ticket] = [:]
    /// What is left of each ticket, and until when.
    private var open: [ObjectIdentifier: (ticket: MQTTClient.Ticket, left: Int, until: Deadline)] = [:]
    private var refusal: String?
    private var lastFault: String?
    private var begun = Deadline(in: MQTTSession.patience)
    private(set) var wasConnected = false

    init(_ client: MQTTClient) {
        self.client = client
        table = client.library.table
    }

    /// Connects and goes on until the connection is lost or the client ends; says why it was lost.
    func run() -> String {
        // Sound without being held: who calls is here until the handle is destroyed, and after that nobody is called.
        let object = Unmanaged.passUnretained(self).toOpaque()
        handle = client.settings.clientID.withCString { table.create($0, true, object) }
        guard let handle else { return "there was no memory for a connection" }
        let code = connect(handle)
        let reason = code == 0 ? serve(handle) : words(code)
        let waiting = client.state.withLock { state in
            defer { (state.connection, state.sent, state.waiting) = (0, 0, []) }
            return state.waiting
        }
        table.destroy(handle)
        self.handle = nil
        for ticket in waiting + open.values.map(\.ticket) { ticket.verdict.close(with: .failed(reason: reason)) }
        return reason
    }

    private func connect(_ handle: OpaquePointer) -> CInt {
        let settings = client.settings
        table.on_connect(handle) { _, object, code in MQTTSession.of(object)?.connected(code) }
        table.on_publish(handle) { _, object, id, reason, _ in MQTTSession.of(object)?.acknowledged(id, reason) }
        table.on_log(handle) { _, object, level, text in MQTTSession.of(object)?.noted(level, text) }
        var code = table.int_option(handle, CInt(VIGIL_MOSQUITTO_PROTOCOL_VERSION), settings.version.rawValue)
        // Small messages follow each other: each would wait for the acknowledgement of the one before.
        if code == 0 { code = table.int_option(handle, CInt(VIGIL_MOSQUITTO_NO_DELAY), 1) }
        if code == 0, let user = settings.user { code = table.username_pw_set(handle, user, settings.password) }
        if code == 0, let tls = settings.tls {
            code = table.tls_set(
                handle, tls.authorityPath, tls.systemFolder, tls.certificatePath, tls.keyPath, nil)
        }
        if code == 0, let gone = settings.gone {
            code = gone.payload.withUnsafeBytes {
                table.will_set(handle, gone.topic, CInt($0.count), $0.baseAddress, 1, gone.isRetained)
            }
        }
        guard code == 0 else { return code }
        return table.connect(handle, settings.host, CInt(settings.port), Self.keepAlive)
    }

    private static func of(_ object: UnsafeMutableRawPointer?) -> MQTTSession? {
        object.map { Unmanaged<MQTTSession>.fromOpaque($0).takeUnretainedValue() }
    }

    private func words(_ code: CInt) -> String {
        let words = client.library.words(for: code, errno: errno)
        return lastFault.map { "\(words) (\($0))" } ?? words
    }
}

/// What the library calls.
extension MQTTSession {
    private func connected(_ code: CInt) {
        guard code == 0 else {
            let text = client.settings.version == .v5 ? table.reason_text(code) : table.connack_text(code)
            refusal = "the broker refuses: " + (text.map { String(cString: $0) } ?? "code \(code)")
            return
        }
        wasConnected = true
        if let here = client.settings.here { send(MQTTClient.Ticket([here])) }
        client.state.withLock { state in
            state.connections += 1
            state.connection = state.connections
        }
        client.report(.connected)
    }

    private func acknowledged(_ id: CInt, _ reason: CInt) {
        guard let ticket = onTheirWay.removeValue(forKey: id) else { return }
        if reason >= 0x80 {
            let text = table.reason_text(reason).map { String(cString: $0) } ?? "code \(reason)"
            // The others of it, which are acknowledged later, find nobody.
            close(ticket, .refused(reason: "the broker refuses: \(text)"))
        } else if var left = open[ObjectIdentifier(ticket)] {
            left.left -= 1
            open[ObjectIdentifier(ticket)] = left
            if left.left == 0 { close(ticket, .told()) }
        }
    }

    /// Packets that a broker sends who was asked for nothing: each would be kept or answered by the library, in memory that
    /// the broker alone bounds.
    private static let unasked = ["PUBLISH", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK", "PINGREQ"]

    /// The kind of packet that a line of the library's log says has come; nil of other lines.
    static func received(_ line: String, by clientID: String) -> String? {
        let before = "Client \(clientID) received "
        guard line.utf8.starts(with: before.utf8) else { return nil }
        return String(Substring(line.utf8.dropFirst(before.utf8.count).prefix { ASCII.isAlphanumeric($0) }))
    }

    private func noted(_ level: CInt, _ text: UnsafePointer<CChar>?) {
        if level == CInt(VIGIL_MOSQUITTO_LOG_DEBUG), let text,
            let packet = Self.received(String(cString: text), by: client.settings.clientID),
            Self.unasked.contains(where: packet.hasBytes(of:))
        {
            refusal = refusal ?? "the broker sends what nobody asked for: \(packet)"
        }
        let isFault = level == CInt(VIGIL_MOSQUITTO_LOG_ERROR) || level == CInt(VIGIL_MOSQUITTO_LOG_WARNING)
        if isFault, let text { lastFault = String(String(cString: text).prefix(200)) }
    }
}

/// The loop.
extension MQTTSession {
    private func serve(_ handle: OpaquePointer) -> String {
        while refusal == nil {
            if client.state.withLock({ $0.isEnding }) {
                sayFarewell(handle)
                return "the client has ended"
            }
            for ticket in takeWaiting() { send(ticket) }
            if let late = late { return late }
            let code = step(handle, atMost: 1_000)
            if code != 0 { return refusal ?? words(code) }
        }
        return refusal ?? ""
    }

    /// Why the broker counts as gone though the connection is there; nil where it does not.
    private var late: String? {
        if !wasConnected, begun.milliseconds == 0 { return "the broker does not answer" }
        return open.values.contains { $0.until.milliseconds == 0 } ? "the broker does not acknowledge" : nil
    }

    /// Waits for the socket, or for something to send, and has the library do what is to be done.
    private func step(_ handle: OpaquePointer, atMost time: CInt) -> CInt {
        let socket = table.socket(handle)
        guard socket >= 0 else { return 4 }
        let wants = table.want_write(handle) ? Int16(POLLIN | POLLOUT) : Int16(POLLIN)
        var entries = [
            pollfd(fd: socket, events: wants, revents: 0),
            pollfd(fd: client.bell.reader, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&entries, 2, time)
        if entries[1].revents != 0 { client.bell.silence() }
        var code: CInt = 0
        if entries[0].revents & ~Int16(POLLOUT) != 0 {
            code = table.loop_read(handle, 1)
            // TLS may have taken more from the socket than one packet, so that it is silent though there is more.
            var tries = client.settings.tls == nil ? 0 : onTheirWay.count + 2
            while code == 0, tries > 0, table.socket(handle) >= 0 {
                code = table.loop_read(handle, 1)
                tries -= 1
            }
        }
        if code == 0, table.socket(handle) >= 0, table.want_write(handle) { code = table.loop_write(handle, 1) }
        if code == 0 { code = table.loop_misc(handle) }
        return code
    }

    private func takeWaiting() -> [MQTTClient.Ticket] {
        client.state.withLock { state in
            guard state.connection > 0 else { return [] }
            defer { state.waiting = [] }
            state.sent += state.waiting.count
            return state.waiting
        }
    }

    private func send(_ ticket: MQTTClient.Ticket) {
        guard let handle else { return }
        open[ObjectIdentifier(ticket)] = (ticket, ticket.messages.count, Deadline(in: Self.patience))
        for message in ticket.messages {
            var id: CInt = 0
            let code = message.payload.withUnsafeBytes {
                table.publish(
                    handle, &id, message.topic, CInt(clamping: $0.count), $0.baseAddress, 1, message.isRetained)
            }
            guard code == 0 else { return close(ticket, .failed(reason: words(code))) }
            onTheirWay[id] = ticket
        }
    }

    private func close(_ ticket: MQTTClient.Ticket, _ verdict: AlertVerdict) {
        guard open.removeValue(forKey: ObjectIdentifier(ticket)) != nil else { return }
        client.state.withLock { $0.sent = max(0, $0.sent - 1) }
        ticket.verdict.close(with: verdict)
    }

    /// A connection that is ended in order leaves no word of the client's to the broker, so that it says itself that it is gone.
    private func sayFarewell(_ handle: OpaquePointer) {
        let end = Deadline(in: Self.farewell)
        for ticket in takeWaiting() { send(ticket) }
        if wasConnected, let gone = client.settings.gone { send(MQTTClient.Ticket([gone])) }
        while !open.isEmpty, end.milliseconds > 0, step(handle, atMost: min(end.milliseconds, 100)) == 0 {}
        _ = table.disconnect(handle)
    }
}
