import HTTPTypes
import Platform
import TestSupport

@testable import HTTP

/// What a peer sends at its own pace, and what it has to be answered.
struct PacedScript {
    struct Answer: Equatable {
        let id: Int
        let body: String
    }

    private(set) var bytes: [UInt8] = []
    /// Where the peer waits for a 100 before it goes on.
    private(set) var pauses: [Int] = []
    private(set) var answers: [Answer] = []
    /// Whether the peer ends its side after the last request, rather than asking for the connection's end.
    let endsSending: Bool

    init(_ count: Int, _ random: inout SeededRandom) {
        endsSending = Bool.random(using: &random)
        for _ in 1..<count { addRandom(&random) }
        add("GET /now", endsSending ? "" : "Connection: close\r\n", answer: "now")
    }

    private mutating func add(_ line: String, _ fields: String = "", _ body: String = "", answer: String) {
        bytes += "\(line) HTTP/1.1\r\nHost: a\r\nX-Request-Id: \(answers.count)\r\n\(fields)\r\n".utf8
        if fields.hasPrefix("Expect") { pauses.append(bytes.count) }
        bytes += body.utf8
        answers.append(Answer(id: answers.count, body: answer))
    }

    private mutating func addRandom(_ random: inout SeededRandom) {
        let body = String(repeating: "x", count: .random(in: 1...1_800, using: &random))
        let (length, chunked) = ("Content-Length: \(body.utf8.count)\r\n", "Transfer-Encoding: chunked\r\n")
        let chunks = Self.chunks(of: body.utf8.count, &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: add("GET /now", answer: "now")
        case 1: add("GET /later", answer: "later")
        case 2: add("GET /stream", answer: String(repeating: "y", count: 2_800))
        case 3: add("POST /count", length, body, answer: "\(body.utf8.count)")
        case 4: add("POST /count", chunked, chunks, answer: "\(body.utf8.count)")
        case 5: add("POST /count", "Expect: 100-continue\r\n" + length, body, answer: "\(body.utf8.count)")
        case 6: add("POST /early", length, body, answer: "early")
        case 7: add("POST /none", chunked, chunks, answer: "not-found")
        case 8: add("GET /now", length, body, answer: "now")
        default: add("HEAD /later", answer: "")
        }
    }

    private static func chunks(of count: Int, _ random: inout SeededRandom) -> String {
        var (rest, text) = (count, "")
        while rest > 0 {
            let size = min(rest, .random(in: 1...900, using: &random))
            text += "\(String(size, radix: 16))\r\n\(String(repeating: "x", count: size))\r\n"
            rest -= size
        }
        return text + "0\r\n\r\n"
    }
}

/// A peer, the two buffers between it and a `ConnectionState`, the shell around that and its handlers: each takes a step
/// when it is its random turn, and none has a clock. What can't go on by a step of any of them is stuck for good.
struct PacedPeer {
    enum Move: CaseIterable {
        case peerWrites, peerReads, serverReads, serverSends, handlerActs
    }

    /// What the handler at work does next.
    private enum Task {
        case answers(String)
        case readsBody(count: Int)
        case streams(pieces: Int)
    }

    private static let limits = Limits.smallest
    private static let router: Router = {
        var router = Router()
        router.get("/now", .immediate { _ in Response(status: .ok, text: "now") })
        for path in ["/later", "/stream"] { router.get(path, .deferred { _ in Response(status: .ok) }) }
        for path in ["/count", "/early"] {
            router.post(path, bodyLimit: 4_000, .deferred { _ in Response(status: .ok) })
        }
        return router
    }()

    let script: PacedScript
    private var random: SeededRandom
    private var state: ConnectionState
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)
    private let largestStep: Int
    private let bufferSize: Int

    private var written = 0
    /// How often the peer has been told to go on, and how far it has looked for that.
    private var timesTold = 0
    private var noticed = 0
    /// On the way to the server, and to the peer.
    private var inbox: [UInt8] = []
    private var outbox: [UInt8] = []
    private var hasToldEnd = false
    private(set) var received: [UInt8] = []
    private(set) var isHalfClosed = false
    private(set) var isClosed = false

    private var task: Task?
    private var waitsForRoom = false
    private var wasPulled = false
    private var mailbox = (bytes: 0, cost: 0, isFull: false, hasEnded: false)
    private(set) var bodyError: BodyError?

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        script = PacedScript(.random(in: 1...8, using: &random), &random)
        largestStep = [40, 700, 5_000].randomElement(using: &random) ?? 1
        bufferSize = [200, 1_000, 6_000].randomElement(using: &random) ?? 1
        var configuration = ServerConfiguration()
        configuration.limits = Self.limits
        let context = ServerContext(
            configuration: configuration, router: Self.router,
            renderProblem: { problem, _, _ in Response(status: problem.status, text: problem.slug) })
        state = ConnectionState(context: context, dateLine: DateLine { 784_111_777 }, idSeed: 1, now: now)
        self.random = random
    }

    /// Whether all has been sent, answered and read, and the connection ended.
    var isDone: Bool { isClosed && written == script.bytes.count && outbox.isEmpty }

    /// Where everyone stands, for a failure.
    var standing: String {
        "\(state.phase), \(written) of \(script.bytes.count) bytes written, \(inbox.count) to the server, "
            + "\(state.backlog.count) in the backlog, \(state.output.count) of output, \(outbox.count) to the peer, "
            + "handler \(task.map { "\($0)" } ?? "none"), error \(bodyError.map { "\($0)" } ?? "none")"
    }

    /// Makes a random one of the moves that are open.
    ///
    /// - Returns: false where there is none.
    mutating func step() -> Bool {
        guard let move = Move.allCases.filter({ isOpen($0) }).randomElement(using: &random) else { return false }
        switch move {
        case .peerWrites: write()
        case .peerReads:
            let count = min(size(), outbox.count)
            received += outbox[..<count]
            outbox.removeFirst(count)
            takeNotice()
        case .serverReads:
            for _ in 0..<Int.random(in: 1...3, using: &random) where isOpen(.serverReads) { read() }
            settle()
        case .serverSends: settle()
        case .handlerActs: act()
        }
        return true
    }

    private func isOpen(_ move: Move) -> Bool {
        switch move {
        case .peerWrites: written < mayWrite && inbox.count < bufferSize
        case .peerReads: !outbox.isEmpty
        case .serverReads: !isClosed && state.wantsInput && (!inbox.isEmpty || isEndWaiting)
        case .serverSends: !isClosed && !state.output.isEmpty && outbox.count < bufferSize
        case .handlerActs: !isClosed && canAct
        }
    }

    private mutating func size() -> Int { .random(in: 1...largestStep, using: &random) }

    // The peer

    /// How far the peer has been told to go.
    private var mayWrite: Int {
        timesTold < script.pauses.count ? script.pauses[timesTold] : script.bytes.count
    }

    private mutating func takeNotice() {
        let goOn = Array("HTTP/1.1 100 Continue\r\n".utf8)
        while timesTold < script.pauses.count, noticed + goOn.count <= received.count {
            if received[noticed] == goOn[0], received[noticed...].starts(with: goOn) { timesTold += 1 }
            noticed += 1
        }
    }

    private mutating func write() {
        let count = min(size(), mayWrite - written, bufferSize - inbox.count)
        inbox += script.bytes[written..<written + count]
        written += count
    }

    /// The peer has ended its side, or does so since the server has.
    private var isEndWaiting: Bool {
        !hasToldEnd && inbox.isEmpty && written == script.bytes.count && (script.endsSending || isHalfClosed)
    }

    // The shell

    private mutating func read() {
        let direct = state.directBodyBytes
        let readsBody = if case .readsBody = task { true } else { false }
        let most = direct > 0 && readsBody ? min(direct, Self.limits.readBufferBytes) : state.readSize
        let piece = Array(inbox.prefix(min(most, size())))
        inbox.removeFirst(piece.count)
        if piece.isEmpty {
            hasToldEnd = true
            if let action = state.endInput() { perform(action, []) }
        } else if direct > 0, readsBody {
            state.receivedDirectBody(piece.count, now: now)
            deliver(piece.count)
            _ = drive([])
        } else if state.backlog.isEmpty {
            let used = drive(piece)
            state.backlog.append(piece.span, from: used)
        } else {
            state.backlog.append(piece.span, from: 0)
            useBacklog()
        }
    }

    private mutating func settle() {
        repeat {
            guard !isClosed else { return }
            useBacklog()
            flush()
        } while state.canGoOn
        if state.exchange == nil { task = nil }
        if state.output.count < Self.limits.maxWaitingOutputBytes { waitsForRoom = false }
    }

    private mutating func useBacklog() {
        let (bytes, start) = state.backlog.take()
        let used = drive(Array(bytes[start...]))
        state.backlog.restore(bytes, from: start + used)
    }

    private mutating func flush() {
        while !isClosed, !state.output.isEmpty {
            let room = min(bufferSize - outbox.count, size())
            guard room > 0 else { return state.sent(0, now: now) }
            let bytes = state.output.withSegments(limit: 4) { segments, skipped in
                Array(segments.joined().dropFirst(skipped).prefix(room))
            }
            outbox += bytes
            state.sent(bytes.count, now: now)
        }
        if !isClosed, let action = state.afterSending(now: now) { perform(action, []) }
    }

    private mutating func drive(_ input: [UInt8]) -> Int {
        var position = 0
        while !isClosed, let action = state.advance(input.span, at: &position, now: now) { perform(action, input) }
        return position
    }

    private mutating func perform(_ action: ConnectionState.Action, _ input: [UInt8]) {
        switch action {
        case .start(let call): start(call)
        case .body(let range): deliver(range.count)
        case .endBody: mailbox.hasEnded = true
        case .failBody(let error): (bodyError, mailbox.hasEnded) = (error, true)
        case .halfClose: isHalfClosed = true
        case .close, .distrust: isClosed = true
        }
    }

    // The handlers

    private mutating func start(_ call: HandlerCall) {
        mailbox = (0, 0, false, false)
        (wasPulled, waitsForRoom) = (false, false)
        switch call.route.pattern {
        case "/now": state.answer(Response(status: .ok, text: "now"), now: now)
        case "/count": task = .readsBody(count: 0)
        case "/stream": task = .streams(pieces: -1)
        default: task = .answers(String(call.route.pattern.dropFirst()))
        }
    }

    private mutating func deliver(_ count: Int) {
        mailbox.bytes += count
        mailbox.cost += count + 64
        if mailbox.cost >= Self.limits.maxWaitingBodyBytes { mailbox.isFull = true }
        if mailbox.isFull { state.setBodyPaused(true, now: now) }
    }

    private var canAct: Bool {
        switch task {
        case .answers: true
        case .readsBody: !wasPulled || mailbox.bytes > 0 || mailbox.hasEnded
        case .streams: !waitsForRoom
        case nil: false
        }
    }

    private mutating func act() {
        switch task {
        case .answers(let text):
            task = nil
            state.answer(Response(status: .ok, text: text), now: now)
        case .readsBody(let count): readBody(count)
        case .streams(-1):
            task = .streams(pieces: 4)
            let isStreamed = state.answer(Response(status: .ok, body: .stream(length: nil) { _ in }), now: now)
            if !isStreamed { task = nil }
        case .streams(0):
            task = nil
            if let action = state.endStream(failed: false, now: now) { perform(action, []) }
        case .streams(let pieces):
            task = .streams(pieces: pieces - 1)
            waitsForRoom = (try? state.write([UInt8](repeating: 0x79, count: 700))) != nil
        case nil: break
        }
        settle()
    }

    private mutating func readBody(_ count: Int) {
        if !wasPulled {
            wasPulled = true
            state.bodyWanted(now: now)
        } else if mailbox.bytes > 0 {
            task = .readsBody(count: count + mailbox.bytes)
            let wasFull = mailbox.isFull
            (mailbox.bytes, mailbox.cost, mailbox.isFull) = (0, 0, false)
            if wasFull { state.setBodyPaused(false, now: now) }
        } else {
            task = nil
            state.answer(Response(status: .ok, text: "\(count)"), now: now)
        }
    }
}
