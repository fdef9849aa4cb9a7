import Testing
import Tracing

/// The specification's own example.
let exampleParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

@Suite("traceparent and tracestate, by W3C Trace Context")
struct TraceContextTests {
    @Test("a traceparent is written as it was read, with what is known of its flags")
    func parent() throws {
        let context = try #require(TraceContext(parent: exampleParent, state: nil))
        #expect(context.traceID.description == "0af7651916cd43dd8448eb211c80319c")
        #expect(context.spanID.description == "b7ad6b7169203331")
        #expect(context.isSampled && !context.isRandom)
        #expect(context.parent == exampleParent)
        for (flags, written) in [("00", "00"), ("02", "02"), ("03", "03"), ("ff", "03"), ("fc", "00")] {
            let text = exampleParent.dropLast(2)
            #expect(TraceContext(parent: text + flags, state: nil)?.parent == text + written, "flags \(flags)")
        }
    }

    @Test("a later version is read as far as it is known, and written as the known one")
    func later() {
        let later = "cc" + exampleParent.dropFirst(2)
        #expect(TraceContext(parent: later, state: nil)?.parent == exampleParent)
        #expect(TraceContext(parent: later + "-what-will-be", state: nil)?.parent == exampleParent)
        #expect(TraceContext(parent: later + ".what", state: nil) == nil)
    }

    @Test(
        "what is no traceparent counts for nothing",
        arguments: [
            "", "00", "ff" + exampleParent.dropFirst(2), exampleParent + "-00", exampleParent + " ",
            " " + exampleParent, exampleParent.dropLast() + "G",
            exampleParent.uppercased(), "0x" + exampleParent.dropFirst(2), exampleParent + ", " + exampleParent,
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319cb7ad6b7169203331-01-", "00_" + exampleParent.dropFirst(3),
            "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319ü-b7ad6b71692033-01",
        ])
    func nonsense(text: String) {
        #expect(TraceContext(parent: text, state: "a=b") == nil)
    }

    @Test("every sign of a traceparent counts: another byte in any place is refused, or read as what it says")
    func mutations() {
        for index in 0..<exampleParent.utf8.count {
            for byte in UInt8.min...UInt8.max {
                var bytes = Array(exampleParent.utf8)
                bytes[index] = byte
                guard let text = String(validating: bytes, as: UTF8.self),
                    let context = TraceContext(parent: text, state: nil)
                else { continue }
                #expect(context.parent.utf8.dropFirst(3).dropLast(2).elementsEqual(bytes.dropFirst(3).dropLast(2)))
            }
        }
    }

    @Test(
        "a tracestate is sent on as it came, without the blanks between its members",
        arguments: [
            ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"), ("a=1, b=2 ,\tc=3", "a=1,b=2,c=3"), ("a=1,,b=2,", "a=1,b=2"),
            ("a=1" + String(repeating: ",", count: 63) + "b=2", "a=1,b=2"),
            ("t0@sys/x=1", "t0@sys/x=1"), ("fw529a3039@dt=FfIrT", "fw529a3039@dt=FfIrT"),
            ("0a_-*/=!x y", "0a_-*/=!x y"),
        ])
    func state(text: String, sent: String) {
        #expect(TraceContext(parent: exampleParent, state: text)?.state == sent)
    }

    @Test(
        "a tracestate with anything wrong in it is dropped, and the traceparent stays",
        arguments: [
            "a", "=1", "a=", "A=1", "a=1,a=2", "a=b=c", "a@=1", "@b=1", "a@0b=1", "a@b@c=1", "a=ü", "a=\u{7}", "_a=1",
            (0..<33).map { "k\($0)=1" }.joined(separator: ","), String(repeating: "k", count: 257) + "=1",
            "k=" + String(repeating: "v", count: 257), String(repeating: "x", count: 40_000),
            "k=1" + String(repeating: ",", count: 100), String(repeating: "k=1 , ", count: 5_000),
        ])
    func wrongState(text: String) throws {
        let context = try #require(TraceContext(parent: exampleParent, state: text))
        #expect(context.state.isEmpty)
        #expect(context.fields.map(\.name) == ["traceparent"])
    }

    @Test("a long tracestate loses its long members first, then the last ones, and never a part of one")
    func longState() {
        let members = (0..<30).map { "key\($0)=" + String(repeating: "v", count: $0 == 3 ? 200 : 20) }
        let state = TraceContext(parent: exampleParent, state: members.joined(separator: ","))?.state ?? ""
        let kept = state.split(separator: ",").map(String.init)
        #expect(state.utf8.count <= 512 && state.utf8.count > 480)
        #expect(kept == Array((members[..<3] + members[4...]).prefix(kept.count)))
    }

    @Test("both values are kept in one text and read back from it")
    func text() throws {
        for state in [nil, "a=1,b=x y"] {
            let context = try #require(TraceContext(parent: exampleParent, state: state))
            #expect(TraceContext(text: context.text) == context)
        }
        #expect(TraceContext(text: "nothing of the kind") == nil)
        #expect(TraceContext(text: "") == nil)
    }
}
