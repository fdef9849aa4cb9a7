import JSON
import TestSupport
import Testing

@testable import Alerts

@Suite("Topics of MQTT")
struct TopicTests {
    private let topics = MQTTTopics(prefix: "site/vigil", discovery: "homeassistant", version: "1")

    private static func alert(_ phase: Alert.Phase, camera: String = "front") -> Alert {
        Alert(phase, job: "01JOB", camera: camera, model: "ucf", start: 3, end: 9, label: "fighting", score: 0.5)
    }

    @Test(
        "a camera's name is one part of a topic, whatever bytes it has",
        arguments: [
            ("front", "front"), ("a/b", "a%2Fb"), ("+", "%2B"), ("#", "%23"), ("a b", "a%20b"), ("ü", "%C3%BC"),
            ("100%", "100%25"), ("$SYS", "%24SYS"), ("..", "%2E%2E"), ("a.b_c-d~", "a.b_c-d~"),
        ])
    func topics(camera: String, part: String) {
        let found = topics.messages(of: Self.alert(.begin, camera: camera), isOn: true).map(\.topic)
        #expect(found == ["event", "last", "state"].map { "site/vigil/camera/\(part)/\($0)" })
    }

    @Test("names that differ have different entities in Home Assistant, of letters, digits, hyphens and underscores")
    func entities() {
        let cameras = ["a b", "a_b", "a_20b", "a-b", "A", "a", "ü", "a/b"]
        let found = cameras.map { topics.announcements(of: $0)[0].topic }
        #expect(Set(found).count == cameras.count)
        for topic in found {
            #expect(topic.split(separator: "/")[2].utf8.allSatisfy { $0 == 0x5F || $0 == 0x2D || $0 < 0x80 })
        }
        #expect(found[0] == "homeassistant/binary_sensor/vigil_a_20b/anomaly/config")
    }

    @Test("an event is told, and not kept; the newest and the state are kept")
    func retained() throws {
        let messages = topics.messages(of: Self.alert(.end), isOn: false)
        #expect(messages.map(\.isRetained) == [false, true, true])
        #expect(String(decoding: messages[2].payload, as: UTF8.self) == "OFF")
        let told = try JSONReader.parse(messages[0].payload)
        #expect(told["event_type"]?.string == "end" && told["segment"]?.string == "01JOB-3")
        #expect(told["end"]?.integer == 9 && told["camera"]?.string == "front")
    }

    @Test("without Home Assistant nothing is announced")
    func quiet() {
        #expect(MQTTTopics(prefix: "vigil", discovery: nil, version: "1").announcements(of: "front").isEmpty)
    }

    @Test(
        "a broker's address",
        arguments: [
            ("mqtt://broker", "broker", 1883, false, "vigil"), ("mqtts://broker/", "broker", 8883, true, "vigil"),
            ("mqtt://10.0.0.1:1884/a/b", "10.0.0.1", 1884, false, "a/b"),
            ("mqtts://[::1]/x", "::1", 8883, true, "x"), ("mqtt://[::1]:99/x", "::1", 99, false, "x"),
        ])
    func address(text: String, host: String, port: UInt16, isSecure: Bool, prefix: String) throws {
        let address = try MQTTAddress(text)
        #expect((address.host, address.port, address.isSecure) == (host, port, isSecure))
        #expect(address.prefix == prefix)
    }

    @Test(
        "what is no address, or no prefix, is refused",
        arguments: [
            "broker", "http://broker", "mqtt://", "mqtt://user:word@broker", "mqtt://broker:0", "mqtt://broker:99999",
            "mqtt://broker/a/#", "mqtt://broker/+", "mqtt://broker//a", "mqtt://broker/a/", "mqtt://broker/$SYS",
            "mqtt://broker/a b", "mqtt://broker/ü", "mqtt://broker?x",
        ])
    func refused(text: String) {
        #expect(throws: MQTTAddress.Fault.self) { try MQTTAddress(text) }
    }

    @Test("what the library says it has received is known by its kind, whatever a topic says")
    func received() {
        func kind(_ line: String) -> String? { MQTTSession.received(line, by: "vigil-1") }
        #expect(
            kind("Client vigil-1 received PUBLISH (d0, q2, r0, m7, 'a received PUBACK', ... (5))") == "PUBLISH")
        #expect(kind("Client vigil-1 received PUBACK (Mid: 1, RC:0)") == "PUBACK")
        #expect(kind("Client vigil-1 received PINGRESP") == "PINGRESP")
        #expect(kind("Client vigil-1 sending PUBLISH (d0, q1, r0, m1, 'x received PUBLISH', ... (2 bytes))") == nil)
        #expect(kind("") == nil)
    }
}
