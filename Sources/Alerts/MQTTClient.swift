import Platform

/// A message: kept by the broker for who comes later, where it is retained.
public struct MQTTMessage: Sendable, Equatable {
    /// Where it is published, without wildcards.
    public let topic: String
    /// What it says.
    public let payload: [UInt8]
    /// Whether the broker keeps it.
    public let isRetained: Bool

    /// A message.
    public init(topic: String, payload: [UInt8], isRetained: Bool = false) {
        self.topic = topic
        self.payload = payload
        self.isRetained = isRetained
    }
}

/// Which broker, and how it is spoken to.
public struct MQTTSettings: Sendable, Equatable {
    /// Versions of the protocol, by the number that the library has for each.
    public enum Version: Int32, Sendable {
        case v311 = 4
        case v5 = 5
    }

    /// Whom the broker is believed, and who this is.
    public struct TLS: Sendable, Equatable {
        /// A file of authorities beside the system's.
        public var authorityPath: String?
        /// The system's.
        public var systemFolder: String?
        /// The certificate of this client.
        public var certificatePath: String?
        /// Its private key.
        public var keyPath: String?

        /// Who is believed.
        public init(
            authorityPath: String? = nil, systemFolder: String? = "/etc/ssl/certs", certificatePath: String? = nil,
            keyPath: String? = nil
        ) {
            self.authorityPath = authorityPath
            self.systemFolder = systemFolder
            self.certificatePath = certificatePath
            self.keyPath = keyPath
        }
    }

    /// A name, or an address in numbers.
    public var host: String
    /// The port.
    public var port: UInt16
    /// The protocol's version.
    public var version = Version.v311
    /// Nil for a connection without TLS.
    public var tls: TLS?
    /// By which the broker knows who may do what; nil where it does not ask.
    public var user: String?
    /// The user's.
    public var password: String?
    /// By which the broker knows this client; where two have the same, one drives the other out.
    public var clientID: String
    /// Published when the connection is made.
    public var here: MQTTMessage?
    /// Published by the broker when it is lost.
    public var gone: MQTTMessage?

    /// A broker at a host's port.
    public init(host: String, port: UInt16, clientID: String) {
        self.host = host
        self.port = port
        self.clientID = clientID
    }
}

/// A connection to a broker, which is made again whenever it was lost, from a thread of its own.
///
/// What is published is told once the broker has acknowledged all of it (QoS 1). Nothing is kept here: what was not
/// acknowledged when the connection ended has failed, and whoever wanted it publishes it again.
public final class MQTTClient: Sendable {
    /// What the log may be told.
    public enum Event: Sendable, Equatable {
        /// There is a connection.
        case connected
        /// For the first time since there was a connection, or at all.
        case lost(reason: String)
    }

    /// Some messages that are acknowledged together.
    final class Ticket: Sendable {
        let messages: [MQTTMessage]
        let verdict = Latch<AlertVerdict>()

        init(_ messages: [MQTTMessage]) { self.messages = messages }
    }

    struct State {
        var waiting: [Ticket] = []
        /// Those that are on their way.
        var sent = 0
        /// Grows with each connection; 0 while there is none.
        var connection = 0
        var connections = 0
        var isEnding = false
        var hasEnded = true
    }

    /// What may be on its way at a time.
    private static let mostTickets = 64
    private static let stackBytes = 1 << 20
    private static let pauses = (first: Duration.milliseconds(500), longest: Duration.seconds(30))

    let library: MQTTLibrary
    let settings: MQTTSettings
    let report: @Sendable (Event) -> Void
    let state = Monitor(State())
    let bell: WakeSocket

    /// A client that has not begun.
    ///
    /// - Parameters:
    ///   - library: what speaks the protocol
    ///   - settings: where the broker is, and how it is spoken to
    ///   - report: called on the client's thread; it must not block for long
    public init?(_ library: MQTTLibrary, _ settings: MQTTSettings, report: @escaping @Sendable (Event) -> Void) {
        guard let bell = WakeSocket() else { return nil }
        self.bell = bell
        self.library = library
        self.settings = settings
        self.report = report
    }

    /// The number of the connection that there is now; 0 for none.
    public var connection: Int { state.withLock { $0.connection } }

    /// Begins to connect; false where the system gives no thread.
    public func start() -> Bool {
        state.withLock { $0.hasEnded = false }
        let isRunning = OwnThread.run(name: "vigil-mqtt", stackBytes: Self.stackBytes) { self.run() } == 0
        if !isRunning { state.withLock { $0.hasEnded = true } }
        return isRunning
    }

    /// Publishes messages in their order; returns when the broker has them all, or not.
    public func publish(_ messages: [MQTTMessage]) async -> AlertVerdict {
        let ticket = Ticket(messages)
        let problem = state.withLock { state -> String? in
            guard state.connection > 0, !state.isEnding else { return "there is no connection to the broker" }
            guard state.waiting.count + state.sent < Self.mostTickets else { return "the broker does not keep up" }
            state.waiting.append(ticket)
            return nil
        }
        if let problem { return .failed(reason: problem) }
        bell.ring()
        return await ticket.verdict.value()
    }

    /// Says that this client is gone and ends the connection, within that time.
    public func finish(within time: Duration) async {
        let end = Deadline(in: time)
        state.withLock { $0.isEnding = true }
        state.wakeAll()
        bell.ring()
        while state.withLock({ !$0.hasEnded }), end.milliseconds > 0 {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private func run() {
        var pause = Self.pauses.first
        var isTold = false
        while !state.withLock({ $0.isEnding }) {
            let session = MQTTSession(self)
            let reason = session.run()
            if session.wasConnected { (pause, isTold) = (Self.pauses.first, false) }
            if !isTold, !state.withLock({ $0.isEnding }) {
                isTold = true
                report(.lost(reason: reason))
            }
            let moment = Deadline(in: pause * Double.random(in: 0.8...1.2))
            _ = state.wait(until: moment) { $0.isEnding ? true : nil }
            pause = min(pause * 2, Self.pauses.longest)
        }
        state.withLock { $0.hasEnded = true }
    }
}

/// Wakes a thread that waits for descriptors.
///
/// Sound as `@unchecked Sendable`: two numbers that stay, and calls that may come from any thread.
final class WakeSocket: @unchecked Sendable {
    let reader: CInt
    private let writer: CInt

    init?() {
        var ends: [CInt] = [-1, -1]
        let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        guard socketpair(AF_UNIX, CInt(kind), 0, &ends) == 0 else { return nil }
        (reader, writer) = (ends[0], ends[1])
    }

    deinit {
        close(reader)
        close(writer)
    }

    func ring() {
        var byte: UInt8 = 1
        _ = write(writer, &byte, 1)
    }

    /// Takes back what was rung.
    func silence() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(reader, &bytes, bytes.count) == bytes.count {}
    }
}
