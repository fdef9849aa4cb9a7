import JSON
import Tracing

/// What is sent to a collector at once: `ExportTraceServiceRequest` of OTLP 1, in either of its codings.
struct TraceRequest {
    /// What all spans have in common.
    let resource: [ResourceAttribute]
    /// The program's name and version.
    let scope: (name: String, version: String)
    let spans: [TraceSpan]

    /// In the coding that was asked for.
    func encoded(_ coding: OTLPSettings.Coding) -> [UInt8] {
        switch coding {
        case .protobuf: protobuf
        case .json: json
        }
    }
}

/// Something that is told of the process.
struct ResourceAttribute: Sendable, Equatable {
    let name: String
    let value: TraceSpan.Value
}

extension TraceSpan {
    /// W3C's flags, and whether the parent is known to be another process's.
    fileprivate var flags: UInt32 {
        (context.isSampled ? 1 : 0) | (context.isRandom ? 2 : 0) | 0x100 | (isParentRemote ? 0x200 : 0)
    }

    /// The code of a status that is an error.
    fileprivate static let errorCode = 2
}

extension TraceRequest {
    /// As opentelemetry/proto/collector/trace/v1/trace_service.proto has it.
    private var protobuf: [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { writer in
            writer.message(1) { writer in
                for attribute in resource { Self.write(1, attribute.name, attribute.value, to: &writer) }
            }
            writer.message(2) { writer in
                writer.message(1) { writer in
                    writer.text(1, scope.name)
                    writer.text(2, scope.version)
                }
                for span in spans { writer.message(2) { Self.write(span, to: &$0) } }
            }
        }
        return writer.bytes
    }

    private static func write(_ span: TraceSpan, to writer: inout ProtobufWriter) {
        writer.bytes(1, span.context.traceID.bytes)
        writer.bytes(2, span.context.spanID.bytes)
        writer.text(3, span.context.state)
        writer.bytes(4, span.parent?.bytes ?? [])
        writer.text(5, span.name)
        writer.varint(6, UInt64(span.kind.rawValue))
        writer.fixed64(7, span.start)
        writer.fixed64(8, span.end)
        for attribute in span.attributes { write(9, attribute.name, attribute.value, to: &writer) }
        if let failure = span.failure {
            writer.message(15) { writer in
                writer.text(2, failure)
                writer.varint(3, UInt64(TraceSpan.errorCode))
            }
        }
        writer.fixed32(16, span.flags)
    }

    private static func write(
        _ field: UInt64, _ name: String, _ value: TraceSpan.Value, to writer: inout ProtobufWriter
    ) {
        writer.message(field) { writer in
            writer.text(1, name)
            writer.message(2) { writer in
                switch value {
                case .text(let text): writer.choice(1, text: text)
                case .flag(let flag): writer.choice(2, number: flag ? 1 : 0)
                case .integer(let number): writer.choice(3, number: UInt64(bitPattern: Int64(number)))
                case .number(let number): writer.choice(4, double: number)
                }
            }
        }
    }
}

extension TraceRequest {
    /// As OTLP maps it to JSON: ids in hexadecimal, numbers of 64 bits as text.
    private var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.key("resourceSpans")
                json.array([self]) { json, request in
                    json.object { json in
                        json.key("resource")
                        json.object { json in
                            Self.write(request.resource.map { ($0.name, $0.value) }, to: &json)
                        }
                        json.key("scopeSpans")
                        json.array([request]) { json, request in request.writeScope(to: &json) }
                    }
                }
            }
        }
    }

    private func writeScope(to json: inout JSONWriter) {
        json.object { json in
            json.key("scope")
            json.object { json in
                json.member("name", scope.name)
                json.member("version", scope.version)
            }
            json.key("spans")
            json.array(spans) { json, span in Self.write(span, to: &json) }
        }
    }

    private static func write(_ span: TraceSpan, to json: inout JSONWriter) {
        json.object { json in
            json.member("traceId", span.context.traceID.description)
            json.member("spanId", span.context.spanID.description)
            if !span.context.state.isEmpty { json.member("traceState", span.context.state) }
            if let parent = span.parent { json.member("parentSpanId", parent.description) }
            json.member("name", span.name)
            json.member("kind", span.kind.rawValue)
            json.member("startTimeUnixNano", "\(span.start)")
            json.member("endTimeUnixNano", "\(span.end)")
            write(span.attributes, to: &json)
            if let failure = span.failure {
                json.key("status")
                json.object { json in
                    json.member("message", failure)
                    json.member("code", TraceSpan.errorCode)
                }
            }
            json.member("flags", Int(span.flags))
        }
    }

    private static func write(_ attributes: [(name: String, value: TraceSpan.Value)], to json: inout JSONWriter) {
        json.key("attributes")
        json.array(attributes) { json, attribute in
            json.object { json in
                json.member("key", attribute.name)
                json.key("value")
                json.object { json in
                    switch attribute.value {
                    case .text(let text): json.member("stringValue", text)
                    case .flag(let flag): json.member("boolValue", flag)
                    case .integer(let number): json.member("intValue", "\(number)")
                    case .number(let number): json.member("doubleValue", number)
                    }
                }
            }
        }
    }
}
