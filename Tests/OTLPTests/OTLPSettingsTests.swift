import HTTPClient
import Platform
import Testing
import Tracing

@testable import OTLP

@Suite("OpenTelemetry's variables")
struct OTLPSettingsTests {
    private static let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"]

    private func settings(_ more: [String: String]) throws -> OTLPSettings {
        try #require(try OTLPSettings(environment: Self.endpoint.merging(more) { $1 }))
    }

    private func error(_ more: [String: String]) -> String {
        do throws(OTLPSettingError) {
            _ = try OTLPSettings(environment: Self.endpoint.merging(more) { $1 })
            return "no error"
        } catch { return error.description }
    }

    @Test("nothing is sent where no endpoint is named, or traces are switched off")
    func off() throws {
        #expect(try OTLPSettings(environment: [:]) == nil)
        #expect(try OTLPSettings(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": " "]) == nil)
        for off in [
            ["OTEL_SDK_DISABLED": "TRUE"], ["OTEL_TRACES_EXPORTER": "none"], ["OTEL_TRACES_EXPORTER": "zipkin"],
        ] {
            #expect(try OTLPSettings(environment: Self.endpoint.merging(off) { $1 }) == nil, "\(off)")
        }
        #expect(try OTLPSettings(environment: Self.endpoint.merging(["OTEL_SDK_DISABLED": "false"]) { $1 }) != nil)
        #expect(try OTLPSettings(environment: Self.endpoint.merging(["OTEL_TRACES_EXPORTER": "otlp"]) { $1 }) != nil)
    }

    @Test("what is not set is as the specification has it")
    func defaults() throws {
        let settings = try settings([:])
        #expect(settings.path == "/v1/traces" && settings.coding == .protobuf && !settings.isCompressed)
        #expect(settings.timeout == .seconds(10) && settings.sampler == .parentBased(.always))
        #expect(settings.mostWaiting == 2_048 && settings.mostAtOnce == 512)
        #expect(settings.delay == .seconds(5) && settings.patience == .seconds(30) && settings.notes.isEmpty)
    }

    @Test(
        "an endpoint of all signals gets the path of traces, one of traces alone is taken as it is",
        arguments: [
            ("ENDPOINT", "http://collector.example:4318", "http://collector.example:4318", "/v1/traces"),
            ("ENDPOINT", "https://collector.example/", "https://collector.example:443", "/v1/traces"),
            ("ENDPOINT", "http://[::1]:4318/base/", "http://[::1]:4318", "/base/v1/traces"),
            ("TRACES_ENDPOINT", "http://127.0.0.1:4318/other?a=b", "http://127.0.0.1:4318", "/other?a=b"),
            ("TRACES_ENDPOINT", "http://127.0.0.1:4318", "http://127.0.0.1:4318", "/"),
        ])
    func endpoints(name: String, text: String, server: String, path: String) throws {
        let settings = try settings(["OTEL_EXPORTER_OTLP_\(name)": text])
        #expect("\(settings.server)" == server && settings.path == path)
    }

    @Test("a variable of traces goes before that of all signals, whatever it is about")
    func precedence() throws {
        let settings = try settings([
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1000", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2000",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "Authorization=Bearer%20x%2Cy, c = d",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        ])
        #expect(settings.timeout == .seconds(2) && settings.coding == .json && settings.isCompressed)
        #expect(settings.fields.map { "\($0.name): \($0.value)" } == ["Authorization: Bearer x,y", "c: d"])
    }

    @Test("samplers by their names, and their argument")
    func samplers() throws {
        for (name, sampler) in [
            ("always_on", Sampler.always), ("always_off", .never), ("traceidratio", .ratio(0.01)),
            ("parentbased_always_on", .parentBased(.always)), ("parentbased_always_off", .parentBased(.never)),
            ("parentbased_traceidratio", .parentBased(.ratio(0.01))),
        ] {
            let settings = try settings(["OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": "0.01"])
            #expect(settings.sampler == sampler && settings.notes.isEmpty)
        }
    }

    @Test("a service has a name by its own variable, else by the attributes, else the program's")
    func resource() throws {
        func name(_ more: [String: String]) throws -> TraceSpan.Value? {
            try settings(more).resource(program: "vigil", version: "1").first { $0.name == "service.name" }?.value
        }
        #expect(try name([:]) == .text("vigil"))
        #expect(try name(["OTEL_RESOURCE_ATTRIBUTES": "service.name=a,b=c"]) == .text("a"))
        let both = ["OTEL_RESOURCE_ATTRIBUTES": "service.name=a,b=c", "OTEL_SERVICE_NAME": "cam 1"]
        #expect(try name(both) == .text("cam 1"))
    }

    @Test("what can't be understood and does no harm is told and left out")
    func notes() throws {
        let settings = try settings([
            "OTEL_TRACES_SAMPLER": "jaeger_remote", "OTEL_BSP_MAX_QUEUE_SIZE": "-1",
            "OTEL_BSP_SCHEDULE_DELAY": "soon", "OTEL_RESOURCE_ATTRIBUTES": "a=b,c", "OTEL_SDK_DISABLED": "no",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd", "OTEL_EXPORTER_OTLP_TIMEOUT": "0",
        ])
        #expect(settings.notes.count == 7 && settings.sampler == .parentBased(.always))
        #expect(settings.mostWaiting == 2_048 && settings.resource.isEmpty && settings.timeout == .seconds(10))
        let ratio = ["OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"]
        #expect(try self.settings(ratio).notes.count == 1)
    }

    @Test(
        "what would send spans elsewhere, or not at all, is an error that shows no value",
        arguments: [
            ("PROTOCOL", "grpc", "gRPC is not spoken here"), ("PROTOCOL", "http/xml-hunter2", "expected http/protobuf"),
            ("ENDPOINT", "hunter2", "does not begin with http"), ("ENDPOINT", "http://a:hunter2@b", "other than host"),
            ("ENDPOINT", "http://a:b", "port"), ("ENDPOINT", "http://a/x y", "path"),
            ("HEADERS", "hunter2", "NAME=VALUE"),
            ("HEADERS", "a=hunter2%0d%0aHost: b", "control"), ("HEADERS", "a b=hunter2", "name"),
            ("HEADERS", "Content-Length=5", "not to be set"), ("HEADERS", "a=%hunter2", "NAME=VALUE"),
            ("CLIENT_KEY", "/hunter2", "go together"),
        ])
    func errors(name: String, text: String, words: String) {
        let error = error(["OTEL_EXPORTER_OTLP_\(name)": text])
        #expect(error.hasPrefix("OTEL_EXPORTER_OTLP_") && error.contains(words), "\(error)")
        #expect(!error.contains("hunter2"))
    }
}
