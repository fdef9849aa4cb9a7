extension Setting {
    /// Where alerts go. List by list, as sums of lists take the checker of types long.
    static let alerts: [Setting] = {
        var all = alertsOverHTTP
        all.append(
            contentsOf: secret(
                "alerts-frigate-token", "Token of Frigate's port with authentication", in: .alerts, of: [.serve],
                needs: "alerts-frigate"))
        all.append(contentsOf: alertsOverMQTT)
        all.append(
            contentsOf: secret(
                "alerts-mqtt-password", "Password of that name", in: .alerts, of: [.serve], needs: "alerts-mqtt"))
        all.append(contentsOf: alertsInCommon)
        return all
    }()

    private static let alertsOverHTTP: [Setting] = [
        Setting(
            "alerts-webhook", .text("a URL"), .told("none"),
            "URL that is sent a signed notice when a segment of a camera begins, and when it is over.",
            in: .alerts, of: [.serve]),
        Setting(
            "alerts-webhook-secrets", .path(.input),
            "File of secrets that those are signed with, lines of whsec_BASE64.",
            in: .alerts, of: [.serve], isSecret: true, needs: "alerts-webhook"),
        Setting(
            "alerts-frigate", .text("http://HOST:PORT"), .told("none"),
            "Frigate in which an event is made of each segment, such as http://frigate:5000.",
            in: .alerts, of: [.serve]),
    ]

    private static let alertsOverMQTT: [Setting] = [
        Setting(
            "alerts-mqtt", .text("mqtt://HOST:PORT/PREFIX"), .told("none"),
            "Broker that segments are published at, below this prefix of topics; mqtts:// for TLS.",
            in: .alerts, of: [.serve]),
        Setting(
            "alerts-mqtt-version", .choice(["3.1.1", "5"]), .value("3.1.1"), "Version of MQTT.",
            in: .alerts, of: [.serve], needs: "alerts-mqtt"),
        Setting(
            "alerts-mqtt-user", .text("a name"), "Name that the broker knows the server by.",
            in: .alerts, of: [.serve], needs: "alerts-mqtt"),
    ]

    private static let alertsInCommon: [Setting] = [
        Setting(
            "alerts-mqtt-cert", .path(.input), "Certificate in PEM that the broker is shown.",
            in: .alerts, of: [.serve], needs: "alerts-mqtt"),
        Setting(
            "alerts-mqtt-key", .path(.input), "Private key of that certificate in PEM.",
            in: .alerts, of: [.serve], isSecret: true, needs: "alerts-mqtt"),
        Setting(
            "alerts-homeassistant", .text("a prefix of topics"), .told("none"),
            "Prefix below which Home Assistant looks for announcements over MQTT, there homeassistant.",
            in: .alerts, of: [.serve]),
        Setting(
            "alerts-ca", .path(.input), "File of certificates that vouch for those places too, beside the system's.",
            in: .alerts, of: [.serve]),
        Setting(
            "alerts-min-score", .number(0...1), .told("any"), "Least score of a segment that is told.",
            in: .alerts, of: [.serve]),
        Setting(
            "alerts-labels", .list("labels"), .told("all"),
            "Labels of the segments that are told, separated by commas.",
            in: .alerts, of: [.serve]),
    ]
}
