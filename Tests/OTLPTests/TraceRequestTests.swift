import JSON
import Testing
import Tracing

@testable import OTLP

@Suite("a request to a collector")
struct TraceRequestTests {
    /// What Python's opentelemetry-proto 1.45.2 makes of the same request.
    private static let protobuf = """
        0a8f010a2c0a170a0c736572766963652e6e616d6512070a05766967696c0a110a0b70726f636573732e7069641202180c125f0a0a0a0576\
        6967696c12013112510a100af7651916cd43dd8448eb211c80319c1208b7ad6b71692033311a03613d312208b7ad6b71692033322a017830\
        023901000000000000004102000000000000007a0712033530331802850101030000
        """

    private static let json = """
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"vigil"}},\
        {"key":"process.pid","value":{"intValue":"12"}}]},"scopeSpans":[{"scope":{"name":"vigil","version":"1"},\
        "spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","traceState":"a=1",\
        "parentSpanId":"b7ad6b7169203332","name":"x","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":"2",\
        "attributes":[],"status":{"message":"503","code":2},"flags":769}]}]}]}
        """

    private func request(_ attributes: [(name: String, value: TraceSpan.Value)] = []) throws -> TraceRequest {
        let context = try #require(
            TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: "a=1"))
        let span = TraceSpan(
            "x", context, parent: SpanID(0xb7ad_6b71_6920_3332), isParentRemote: true, kind: .server, start: 1, end: 2,
            attributes: attributes, failure: "503")
        return TraceRequest(
            resource: [
                ResourceAttribute(name: "service.name", value: .text("vigil")),
                ResourceAttribute(name: "process.pid", value: .integer(12)),
            ], scope: ("vigil", "1"), spans: [span])
    }

    @Test("its bytes are those of the published schema, in either coding")
    func codings() throws {
        let bytes = try request().encoded(.protobuf)
        let digits = Array("0123456789abcdef")
        #expect(String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }) == Self.protobuf)
        #expect(String(decoding: try request().encoded(.json), as: UTF8.self) == Self.json)
    }

    @Test("values of each type are told as what they are, those that are nothing too")
    func values() throws {
        let values: [TraceSpan.Value] = [
            .text(""), .text("\"ä\n"), .integer(0), .integer(-1), .number(0), .number(1.5), .flag(false), .flag(true),
        ]
        let named = values.enumerated().map { (name: "v\($0.offset)", value: $0.element) }
        _ = try JSONReader.parse(try request(named).encoded(.json))
        let protobuf = try request(named).encoded(.protobuf)
        // Each has its tag, whatever its value: 1 text, 2 flag, 3 whole number, 4 number.
        for (index, tag) in [0x0A, 0x0A, 0x18, 0x18, 0x21, 0x21, 0x10, 0x10].enumerated() {
            let name = Array("v\(index)".utf8)
            let place = try #require(protobuf.firstRange(of: [0x0A, UInt8(name.count)] + name))
            #expect(
                protobuf[place.upperBound] == 0x12 && protobuf[place.upperBound + 2] == UInt8(tag), "value \(index)")
        }
    }
}
