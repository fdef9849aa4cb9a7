import Platform
import TestSupport
import Testing

@testable import HTTP

/// Writes version 2 of the PROXY header.
enum ProxyBytes {
    static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

    static func version2(command: UInt8 = 0x21, family: UInt8, _ content: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? content.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 255)] + content
    }

    static func four(_ source: [UInt8], port: UInt16, extensions: [UInt8] = []) -> [UInt8] {
        version2(
            family: 0x11, source + [127, 0, 0, 1] + [UInt8(port >> 8), UInt8(port & 255)] + [0, 80] + extensions)
    }
}

@Suite("the PROXY protocol's header")
struct ProxyHeaderTests {
    /// Feeds a header as a socket would, in steps of at most `step` bytes, followed by what is not its own.
    private func read(_ bytes: [UInt8], step: Int = .max) throws -> (header: ProxyHeader?, taken: Int) {
        var reader = ProxyHeaderReader()
        let all = bytes + Array("GET / HTTP/1.1\r\n".utf8)
        var position = 0
        while position < all.count {
            let end = position + min(reader.wanted, step, all.count - position)
            let piece = Array(all[position..<end])
            let (taken, header) = try reader.read(piece.span)
            position += taken
            if let header { return (header, position) }
        }
        return (nil, position)
    }

    private static func client(_ host: String, _ port: UInt16) -> ProxyHeader {
        .client(SocketAddress(host: host, port: port))
    }

    private static let six: [UInt8] = [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]

    static let good: [(String, [UInt8], ProxyHeader)] = [
        ("IPv4", ProxyBytes.four([192, 0, 2, 1], port: 40000), client("192.0.2.1", 40000)),
        (
            "with an extension", ProxyBytes.four([192, 0, 2, 1], port: 1, extensions: [4, 0, 2, 9, 9]),
            client("192.0.2.1", 1)
        ),
        (
            "with as many extensions as may be",
            ProxyBytes.four(
                [192, 0, 2, 1], port: 1, extensions: [4, 0x0F, 0xFD] + [UInt8](repeating: 0, count: 4093)),
            client("192.0.2.1", 1)
        ),
        ("IPv6", ProxyBytes.version2(family: 0x21, six + six + [0, 7, 0, 80]), client("2001:db8::1", 7)),
        (
            "IPv4-mapped",
            ProxyBytes.version2(
                family: 0x21, [UInt8](repeating: 0, count: 10) + [255, 255, 10, 0, 0, 1] + six + [0, 7, 0, 80]),
            client("10.0.0.1", 7)
        ),
        ("Unix", ProxyBytes.version2(family: 0x31, [UInt8](repeating: 97, count: 216)), .client(.unknown)),
        ("LOCAL", ProxyBytes.version2(command: 0x20, family: 0, []), .own),
        (
            "LOCAL with addresses", ProxyBytes.version2(command: 0x20, family: 0x11, [UInt8](repeating: 1, count: 12)),
            .own
        ),
        ("of no family", ProxyBytes.version2(family: 0, [1, 2, 3]), .own),
        ("version 1", Array("PROXY TCP4 192.0.2.1 127.0.0.1 40000 80\r\n".utf8), client("192.0.2.1", 40000)),
        ("version 1, IPv6", Array("PROXY TCP6 2001:db8::1 ::1 7 80\r\n".utf8), client("2001:db8::1", 7)),
        ("version 1, unknown", Array("PROXY UNKNOWN\r\n".utf8), .own),
        ("version 1, unknown with more", Array("PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n".utf8), .own),
    ]

    @Test("a header is read, and nothing behind it", arguments: good.indices)
    func reading(index: Int) throws {
        let (name, bytes, header) = Self.good[index]
        for step in [Int.max, 1, 2, 3, 15, 16, 17] {
            let found = try read(bytes, step: step)
            #expect(found.header == header && found.taken == bytes.count, "\(name) in steps of \(step)")
        }
    }

    static let bad: [(String, [UInt8])] =
        [
            ("HTTP", Array("GET / HTTP/1.1\r\n\r\n".utf8)),
            ("TLS", [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]),
            ("another signature", Array(ProxyBytes.signature.dropLast()) + [11, 0x21, 0x11, 0, 12]),
            (
                "version 1 in the binary form",
                ProxyBytes.version2(command: 0x11, family: 0x11, [UInt8](repeating: 1, count: 12))
            ),
            ("version 3", ProxyBytes.version2(command: 0x31, family: 0x11, [UInt8](repeating: 1, count: 12))),
            ("an unknown command", ProxyBytes.version2(command: 0x22, family: 0x11, [UInt8](repeating: 1, count: 12))),
            ("an unknown family", ProxyBytes.version2(family: 0x41, [UInt8](repeating: 1, count: 12))),
            ("an unknown transport", ProxyBytes.version2(family: 0x13, [UInt8](repeating: 1, count: 12))),
            ("too short for IPv4", ProxyBytes.version2(family: 0x11, [UInt8](repeating: 1, count: 11))),
            ("too short for IPv6", ProxyBytes.version2(family: 0x21, [UInt8](repeating: 1, count: 35))),
            ("too short for Unix", ProxyBytes.version2(family: 0x31, [UInt8](repeating: 1, count: 215))),
            ("too many extensions", ProxyBytes.version2(family: 0x11, [], length: 12 + 4097)),
            ("the longest length", ProxyBytes.version2(command: 0x20, family: 0, [], length: 65535)),
            ("an extension that is cut off", ProxyBytes.four([1, 1, 1, 1], port: 1, extensions: [4, 0])),
            ("an extension beyond the end", ProxyBytes.four([1, 1, 1, 1], port: 1, extensions: [4, 0, 2, 9])),
            ("a line without end", Array(("PROXY TCP4 " + String(repeating: "1", count: 200)).utf8)),
        ]
        + [
            "proxy TCP4 1.1.1.1 2.2.2.2 1 2", "PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2", "PROXY TCP4  1.1.1.1 2.2.2.2 1 2",
            "PROXY TCP4 1.1.1.1 2.2.2.2 1", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3", "PROXY TCP4 ::1 ::1 1 2",
            "PROXY TCP6 1.1.1.1 2.2.2.2 1 2", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2", "PROXY TCP4 1.1.1.1 2.2.2.2 01 2",
            "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2", "PROXY UDP4 1.1.1.1 2.2.2.2 1 2", "PROXY TCP4 a b 1 2", "PROXY ",
        ].map { ($0, Array("\($0)\r\n".utf8)) }
        + [("a bare LF", Array("PROXY UNKNOWN\n".utf8))]

    @Test("what is no header is refused, however it comes", arguments: bad.indices)
    func refusing(index: Int) {
        let (name, bytes) = Self.bad[index]
        for step in [Int.max, 1, 7] {
            #expect(throws: ProxyHeaderError.self, "\(name) in steps of \(step)") { try read(bytes, step: step) }
        }
    }

    @Test("a changed header is read or refused, in pieces as at once", arguments: 1...4 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for round in 0..<1000 {
            var bytes = Self.good[Int.random(in: 0..<Self.good.count, using: &random)].1
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<min(60, bytes.count), using: &random)] = .random(in: 0...255, using: &random)
            }
            let whole = Result { try read(bytes) }
            let pieces = Result { try read(bytes, step: Int.random(in: 1...5, using: &random)) }
            let isSame = (try? whole.get().header) == (try? pieces.get().header)
            #expect(isSame, "seed \(seed), round \(round): \(bytes)")
        }
    }
}

@Suite("a connection that begins with a PROXY header")
struct ProxyHeaderPhaseTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func state(isSecured: Bool = false) -> ConnectionState {
        let context = ServerContext(
            configuration: ServerConfiguration(), router: StateHarness.router,
            renderProblem: { problem, _, _ in Response(status: problem.status) })
        return ConnectionState(
            context: context, dateLine: DateLine { 0 }, idSeed: 1, bringsProxyHeader: true, isSecured: isSecured,
            now: Self.start)
    }

    @Test("no request is read before the header is whole, whatever the pieces", arguments: 1...30)
    func pieces(step: Int) throws {
        var state = state()
        let bytes = ProxyBytes.four([192, 0, 2, 1], port: 7) + Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var position = 0
        var header: ProxyHeader?
        while header == nil {
            var untouched = 0
            #expect(state.advance(bytes.span, at: &untouched, now: Self.start) == nil && untouched == 0)
            let end = min(position + min(step, state.awaitedProxyBytes), bytes.count)
            let read = try state.readProxyHeader(bytes.span.extracting(position..<end), now: Self.start)
            position += read.taken
            header = read.header
        }
        #expect(
            header == .client(SocketAddress(host: "192.0.2.1", port: 7)) && state.remote.description == "192.0.2.1:7")
        #expect(position == 28 && state.awaitedProxyBytes == 0)
        guard case .start(let call) = state.advance(bytes.span, at: &position, now: Self.start) else {
            Issue.record("the request behind it was not read")
            return
        }
        #expect(call.head.path == "/")
    }

    @Test("TLS comes next where the server speaks it")
    func secured() throws {
        var state = state(isSecured: true)
        let bytes = ProxyBytes.four([192, 0, 2, 1], port: 7)
        var position = 0
        while position < bytes.count {
            let end = min(position + state.awaitedProxyBytes, bytes.count)
            position += try state.readProxyHeader(bytes.span.extracting(position..<end), now: Self.start).taken
        }
        guard case .handshake = state.phase else {
            Issue.record("\(state.phase)")
            return
        }
    }

    @Test("one that does not come, ends early or is none is told to the log, and one without a byte is just closed")
    func distrust() throws {
        var late = state()
        #expect(late.tick(now: Self.start + .seconds(9)) == nil)
        #expect(Self.reason(late.tick(now: late.deadline)) == "it did not come in time")
        var early = state()
        if case .close = early.proxyHeaderEnded() {
        } else {
            Issue.record("a look whether somebody listens is no fault")
        }
        let piece = Array("PROXY".utf8)
        _ = try early.readProxyHeader(piece.span, now: Self.start)
        #expect(Self.reason(early.proxyHeaderEnded()) == "it ended before its header did")
        let request = Array("GET / HTTP/1.1\r\n".utf8)
        #expect(throws: ProxyHeaderError.self) { try state().reading(request) }
    }

    @Test("its time counts from the connection's beginning, and is short once the server ends")
    func deadlines() throws {
        var state = state()
        #expect(state.deadline == Self.start + ServerConfiguration().timeouts.requestHead)
        _ = try state.readProxyHeader(Array("PROXY".utf8).span, now: Self.start + .seconds(5))
        #expect(state.deadline == Self.start + ServerConfiguration().timeouts.requestHead)
        state.shutDown(now: Self.start + .seconds(6))
        #expect(state.deadline == Self.start + .seconds(7))
        #expect(state.idleness?.hasBegun == true)
    }

    private static func reason(_ action: ConnectionState.Action?) -> String? {
        if case .distrust(let error) = action { error.description } else { nil }
    }
}

extension ConnectionState {
    /// What it makes of these bytes at its beginning.
    fileprivate func reading(_ bytes: [UInt8]) throws -> Int {
        var state = self
        return try state.readProxyHeader(bytes.span, now: MonotonicTime(nanoseconds: 0)).taken
    }
}
