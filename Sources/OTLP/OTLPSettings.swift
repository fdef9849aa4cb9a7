public import HTTPClient
import Platform
public import Tracing

/// Where spans are sent and how, as OpenTelemetry's variables say it.
public struct OTLPSettings: Sendable {
    /// How a request is written.
    public enum Coding: String, Sendable {
        case protobuf = "http/protobuf"
        case json = "http/json"

        var mediaType: String { self == .protobuf ? "application/x-protobuf" : "application/json" }
    }

    /// The collector.
    public var server: ServerURL
    /// The path at which it takes traces.
    public var path: String
    /// How a request is written.
    public var coding = Coding.protobuf
    /// Whether it is compressed.
    public var isCompressed = false
    /// Fields that each request has; their values may be secrets.
    public var fields: [(name: String, value: String)] = []
    /// For one try.
    public var timeout = Duration.seconds(10)
    /// A file of authorities that vouch for the collector too.
    public var authorityPath: String?
    /// The program's own certificate and key.
    public var identityPaths: (certificate: String, key: String)?
    /// Which traces are recorded.
    public var sampler = Sampler.parentBased(.always)
    /// Spans that wait to be sent.
    public var mostWaiting = 2_048
    /// Spans that are sent at once.
    public var mostAtOnce = 512
    /// The longest that a span waits for others.
    public var delay = Duration.seconds(5)
    /// For a request with all its tries.
    public var patience = Duration.seconds(30)
    /// What is told of the process, by the variables alone.
    public var resource: [(name: String, value: String)] = []
    /// What the log should tell about them.
    public var notes: [String] = []

    /// Settings for a collector, otherwise as the specification has them.
    public init(server: ServerURL, path: String = "/v1/traces") {
        self.server = server
        self.path = path
    }
}

/// A variable that can't be used. What it held is not shown, since it may be a secret.
public struct OTLPSettingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The variable and what is wrong.
    public let description: String

    init(_ variable: String, _ sentence: String) { description = "\(variable): \(sentence)" }
}

extension OTLPSettings {
    /// Reads OpenTelemetry's variables; nil where traces are off, since no endpoint is named or they are switched off.
    ///
    /// What can't be understood and does no harm is told in ``notes`` and left out, as the specification asks; a protocol that
    /// is not spoken, or a place that is none, is an error.
    public init?(environment: [String: String]) throws(OTLPSettingError) {
        var variables = OTLPVariables(environment)
        if try variables.isOff() { return nil }
        guard let (server, path) = try variables.endpoint() else { return nil }
        self.init(server: server, path: path)
        coding = try variables.coding()
        fields = try variables.fields()
        isCompressed = variables.choice("COMPRESSION", among: ["none", "gzip"]) == "gzip"
        timeout = variables.milliseconds(variables.exporter("TIMEOUT"), from: 1) ?? timeout
        authorityPath = variables.value(variables.exporter("CERTIFICATE"))
        identityPaths = try variables.identity()
        sampler = variables.sampler() ?? sampler
        mostWaiting = variables.count("OTEL_BSP_MAX_QUEUE_SIZE", 1...1_000_000) ?? mostWaiting
        mostAtOnce = min(variables.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1...100_000) ?? mostAtOnce, mostWaiting)
        delay = variables.milliseconds("OTEL_BSP_SCHEDULE_DELAY", from: 0) ?? delay
        patience = variables.milliseconds("OTEL_BSP_EXPORT_TIMEOUT", from: 1) ?? patience
        resource = variables.resource()
        notes = variables.notes
    }
}

/// OpenTelemetry's variables, as they are read one by one.
private struct OTLPVariables {
    private let environment: [String: String]
    private(set) var notes: [String] = []

    /// An empty variable is none.
    init(_ environment: [String: String]) {
        self.environment = environment.compactMapValues { value in
            let plain = value.trimmed(where: ASCII.isBlank)
            return plain.isEmpty ? nil : String(plain)
        }
    }

    func value(_ name: String) -> String? { environment[name] }

    /// The variable of an exporter's setting: that of traces before that of all signals.
    func exporter(_ setting: String) -> String {
        let own = "OTEL_EXPORTER_OTLP_TRACES_\(setting)"
        return environment[own] == nil ? "OTEL_EXPORTER_OTLP_\(setting)" : own
    }

    /// Whether nothing is to be recorded.
    mutating func isOff() throws(OTLPSettingError) -> Bool {
        if let text = environment["OTEL_SDK_DISABLED"] {
            if text.asciiLowercase == "true" { return true }
            if text.asciiLowercase != "false" { note("OTEL_SDK_DISABLED", "expected true or false") }
        }
        guard let text = environment["OTEL_TRACES_EXPORTER"] else { return false }
        let names = text.pieces(between: ASCII.comma).map { $0.trimmed(where: ASCII.isBlank) }
        if names.contains("otlp") { return false }
        if names != ["none"] { note("OTEL_TRACES_EXPORTER", "only otlp and none are known, so traces are off") }
        return true
    }

    /// The collector, and the path of traces there; nil where none is named.
    func endpoint() throws(OTLPSettingError) -> (ServerURL, path: String)? {
        let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        if let text = environment[own] {
            let (server, path) = try Self.place(text, own)
            return (server, path.isEmpty ? "/" : path)
        }
        let shared = "OTEL_EXPORTER_OTLP_ENDPOINT"
        guard let text = environment[shared] else { return nil }
        let (server, path) = try Self.place(text, shared)
        return (server, (path.ends(with: "/") ? String(Substring(path.utf8.dropLast())) : path) + "/v1/traces")
    }

    private static func place(_ text: String, _ variable: String) throws(OTLPSettingError) -> (ServerURL, String) {
        let scheme = text.utf8.prefix { $0 != ASCII.slash }.count + 2
        let rest = text.utf8.dropFirst(scheme)
        let end = rest.firstIndex { $0 == ASCII.slash || $0 == ASCII.questionMark } ?? rest.endIndex
        let path = String(text.utf8[end...]) ?? ""
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }),
            !path.begins(with: "?")
        else { throw OTLPSettingError(variable, "its path is none that a request could have") }
        do throws(ServerURLError) { return (try ServerURL(parsing: String(text[..<end])), path) } catch {
            throw OTLPSettingError(variable, "\(error): expected a URL such as http://127.0.0.1:4318")
        }
    }

    func coding() throws(OTLPSettingError) -> OTLPSettings.Coding {
        let name = exporter("PROTOCOL")
        guard let text = environment[name] else { return .protobuf }
        if let coding = OTLPSettings.Coding(rawValue: text.asciiLowercase) { return coding }
        throw OTLPSettingError(
            name,
            text.asciiLowercase == "grpc"
                ? "gRPC is not spoken here: expected http/protobuf or http/json, and the collector's port for HTTP, which "
                    + "is 4318 by default" : "expected http/protobuf or http/json")
    }

    /// Fields of requests, of which a value is never shown.
    func fields() throws(OTLPSettingError) -> [(name: String, value: String)] {
        let name = exporter("HEADERS")
        guard let text = environment[name] else { return [] }
        guard let pairs = Self.pairs(text) else {
            throw OTLPSettingError(name, "expected NAME=VALUE,NAME=VALUE with what is special percent-encoded")
        }
        for pair in pairs {
            guard pair.name.utf8.allSatisfy({ ASCII.isAlphanumeric($0) || "!#$&'*+-.^_`|~".utf8.contains($0) }) else {
                throw OTLPSettingError(name, "a name in it is none of a header field")
            }
            guard pair.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw OTLPSettingError(name, "a value in it has a control character")
            }
            let own = ["content-type", "content-length", "content-encoding", "host", "transfer-encoding", "connection"]
            guard !own.contains(pair.name.asciiLowercase) else {
                throw OTLPSettingError(name, "\(pair.name) is not to be set by it")
            }
        }
        return pairs
    }

    func identity() throws(OTLPSettingError) -> (certificate: String, key: String)? {
        let (first, second) = (exporter("CLIENT_CERTIFICATE"), exporter("CLIENT_KEY"))
        switch (environment[first], environment[second]) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return (certificate, key)
        default: throw OTLPSettingError(first, "certificate and key go together: expected \(second) beside it")
        }
    }

    mutating func sampler() -> Sampler? {
        guard let text = environment["OTEL_TRACES_SAMPLER"] else { return nil }
        switch text.asciiLowercase {
        case "always_on": return .always
        case "always_off": return .never
        case "traceidratio": return .ratio(ratio())
        case "parentbased_always_on": return .parentBased(.always)
        case "parentbased_always_off": return .parentBased(.never)
        case "parentbased_traceidratio": return .parentBased(.ratio(ratio()))
        default:
            note("OTEL_TRACES_SAMPLER", "it is not known, and parentbased_always_on counts")
            return nil
        }
    }

    private mutating func ratio() -> Double {
        guard let text = environment["OTEL_TRACES_SAMPLER_ARG"] else { return 1 }
        if let ratio = Double(text), (0...1).contains(ratio) { return ratio }
        note("OTEL_TRACES_SAMPLER_ARG", "expected a number from 0 to 1, and 1 counts")
        return 1
    }

    mutating func choice(_ setting: String, among names: [String]) -> String? {
        let name = exporter(setting)
        guard let text = environment[name]?.asciiLowercase else { return nil }
        if names.contains(text) { return text }
        note(name, "expected \(names.joined(separator: " or "))")
        return nil
    }

    mutating func count(_ name: String, _ range: ClosedRange<Int>) -> Int? {
        guard let text = environment[name] else { return nil }
        if let number = ASCII.number(text.utf8, most: 12), range.contains(number) { return number }
        note(name, "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    mutating func milliseconds(_ name: String, from least: Int) -> Duration? {
        count(name, least...86_400_000).map { .milliseconds($0) }
    }

    /// What is told of the process; all of a list that can't be read is left out.
    mutating func resource() -> [(name: String, value: String)] {
        let name = "OTEL_RESOURCE_ATTRIBUTES"
        var attributes: [(name: String, value: String)] = []
        if let text = environment[name] {
            if let pairs = Self.pairs(text) {
                attributes = pairs
            } else {
                note(name, "expected NAME=VALUE,NAME=VALUE with what is special percent-encoded")
            }
        }
        guard let service = environment["OTEL_SERVICE_NAME"] else { return attributes }
        return attributes.filter { $0.name != "service.name" } + [("service.name", service)]
    }

    private mutating func note(_ name: String, _ sentence: String) {
        notes.append("\(name) is not used: \(sentence)")
    }

    /// Pairs between commas, as W3C Baggage writes them; nil where any is none.
    private static func pairs(_ text: String) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        for member in text.pieces(between: ASCII.comma) {
            let trimmed = member.trimmed(where: ASCII.isBlank)
            if trimmed.isEmpty { continue }
            let parts = trimmed.pieces(between: ASCII.equals, most: 1).map { $0.trimmed(where: ASCII.isBlank) }
            guard parts.count == 2, let name = decoded(parts[0]), !name.isEmpty, let value = decoded(parts[1]) else {
                return nil
            }
            pairs.append((name, value))
        }
        return pairs
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == ASCII.percent else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(ASCII.hexValue), let low = rest.popFirst().flatMap(ASCII.hexValue)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
