import JSON
import Platform
import Synchronization

/// Alerts as messages of MQTT, below one prefix: `CAMERA/event` with each of them, `CAMERA/state` with ON while any segment of
/// the camera goes on, else OFF, and `CAMERA/last` with the newest; for Home Assistant also what it needs to find them.
public final class MQTTPlace: AlertPlace {
    /// What is known of cameras.
    private struct State {
        /// The connection that cameras were announced in.
        var connection = 0
        var announced: Set<ByteText> = []
        /// The segments that go on, by camera.
        var open: [ByteText: Set<String>] = [:]
    }

    /// Cameras that are announced and remembered: their names come from clients.
    static let mostCameras = 1_024

    /// `mqtt`.
    public let name = "mqtt"
    private let client: MQTTClient
    private let topics: MQTTTopics
    private let state = Mutex(State())

    /// Alerts that `client` publishes.
    public init(_ client: MQTTClient, topics: MQTTTopics) {
        self.client = client
        self.topics = topics
    }

    /// Whether there is a connection to the broker.
    public var isReachable: Bool { client.connection > 0 }

    /// Publishes what the alerts bring.
    public func tell(_ alerts: [Alert], token: String?) async -> AlertVerdict {
        let connection = client.connection
        guard let camera = alerts.first?.camera else { return .told() }
        var messages: [MQTTMessage] = []
        if isNew(camera, in: connection) { messages += topics.announcements(of: camera) }
        for alert in alerts {
            messages += topics.messages(of: alert, isOn: note(alert))
        }
        let verdict = await client.publish(messages)
        if case .failed = verdict { return verdict }
        if client.connection == connection { noteAnnounced(camera, in: connection) }
        return verdict
    }

    private func isNew(_ camera: String, in connection: Int) -> Bool {
        state.withLock { state in
            if state.connection != connection { (state.connection, state.announced) = (connection, []) }
            return state.announced.count < Self.mostCameras && !state.announced.contains(ByteText(camera))
        }
    }

    private func noteAnnounced(_ camera: String, in connection: Int) {
        state.withLock { state in
            if state.connection == connection { state.announced.insert(ByteText(camera)) }
        }
    }

    /// Notes what goes on; says whether anything of the camera does now.
    private func note(_ alert: Alert) -> Bool {
        state.withLock { state in
            let camera = ByteText(alert.camera)
            switch alert.phase {
            case .begin:
                guard state.open[camera] != nil || state.open.count < Self.mostCameras else { return true }
                state.open[camera, default: []].insert(alert.segment)
            case .end:
                state.open[camera]?.remove(alert.segment)
                if state.open[camera]?.isEmpty == true { state.open[camera] = nil }
            }
            return state.open[camera] != nil
        }
    }
}

/// Where messages of MQTT go, and what they say.
public struct MQTTTopics: Sendable, Equatable {
    /// What all of Vigil's topics begin with.
    public let prefix: String
    /// What Home Assistant looks for announcements below; nil for none.
    public let discovery: String?
    /// The program's version, for announcements.
    public let version: String

    /// Topics below a prefix.
    public init(prefix: String, discovery: String?, version: String) {
        self.prefix = prefix
        self.discovery = discovery
        self.version = version
    }

    /// Whether the text can be the beginning of topics: parts between slashes, none of them empty or with a wildcard.
    public static func isPrefix(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1...200).contains(bytes.count) && bytes.first != UInt8(ascii: "$")
            && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "#") }
            && !bytes.split(separator: ASCII.slash, omittingEmptySubsequences: false).contains { $0.isEmpty }
    }

    /// Where it is said whether the server is connected: `online` or `offline`.
    public var status: String { prefix + "/status" }

    /// That it is.
    public var here: MQTTMessage { MQTTMessage(topic: status, payload: Array("online".utf8), isRetained: true) }
    /// That it is not.
    public var gone: MQTTMessage { MQTTMessage(topic: status, payload: Array("offline".utf8), isRetained: true) }

    /// What of a camera is below; `status` is no camera's.
    private func topic(_ camera: String, _ last: String) -> String {
        "\(prefix)/camera/\(camera.percentEncodedPart)/\(last)"
    }

    /// What is told by an alert.
    ///
    /// - Parameter isOn: whether anything of the camera goes on afterwards
    func messages(of alert: Alert, isOn: Bool) -> [MQTTMessage] {
        let payload = JSONWriter.document { json in
            json.object { json in
                json.member("event_type", alert.phase.rawValue)
                alert.members(to: &json)
            }
        }
        return [
            MQTTMessage(topic: topic(alert.camera, "event"), payload: payload),
            MQTTMessage(topic: topic(alert.camera, "last"), payload: payload, isRetained: true),
            MQTTMessage(
                topic: topic(alert.camera, "state"), payload: Array((isOn ? "ON" : "OFF").utf8), isRetained: true),
        ]
    }

    /// What lets Home Assistant find a camera's entities.
    func announcements(of camera: String) -> [MQTTMessage] {
        guard let discovery else { return [] }
        let id = "vigil_" + camera.objectID
        func announcement(_ component: String, _ entity: String, _ body: (inout JSONWriter) -> Void) -> MQTTMessage {
            let payload = JSONWriter.document { json in
                json.object { json in
                    body(&json)
                    json.member("unique_id", "\(id)_\(entity)")
                    json.member("availability_topic", status)
                    json.key("device")
                    json.object { json in
                        json.member("identifiers", [id])
                        json.member("name", camera)
                        json.member("manufacturer", "Vigil")
                        json.member("model", "VadCLIP")
                        json.member("sw_version", version)
                    }
                    json.key("origin")
                    json.object { json in
                        json.member("name", "Vigil")
                        json.member("sw_version", version)
                    }
                }
            }
            return MQTTMessage(
                topic: "\(discovery)/\(component)/\(id)/\(entity)/config", payload: payload, isRetained: true)
        }
        return [
            announcement("binary_sensor", "anomaly") { json in
                json.member("name", "Anomaly")
                json.member("device_class", "safety")
                json.member("state_topic", topic(camera, "state"))
                json.member("json_attributes_topic", topic(camera, "last"))
            },
            announcement("event", "segment") { json in
                json.member("name", "Segment")
                json.member("state_topic", topic(camera, "event"))
                json.member("event_types", ["begin", "end"])
            },
        ]
    }
}

extension String {
    /// As Home Assistant takes names in topics: letters, digits and hyphens; other bytes, underscores among them, as `_` and two
    /// digits.
    var objectID: String { escaped("_", keeping: "-") }
}
