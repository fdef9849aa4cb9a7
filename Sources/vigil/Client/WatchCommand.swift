import ArgumentParser
import HTTPClient
import JSON
import Platform

/// `vigil watch`.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow jobs of a server until they end.",
        discussion: """
            A bar on a terminal; elsewhere each event a line of JSON, with the scores of each chunk as they come. A stream that \
            breaks is gone on with where it broke. Exit code 65 where a job has not succeeded.
            """)

    @OptionGroup var names: JobNames
    @Flag(help: "Write JSON lines on a terminal too.")
    var json = false
    @OptionGroup(title: "Client") var client: SettingGroup<SubmitSettings.Client>
    @OptionGroup var trust: ServerTrust

    func run() throws {
        let choice = try ServerChoice(client, trust)
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        let remote = Remote(choice, stop: stop)
        let jobs = try names.found(by: remote).flatMap(\.jobs)
        var isBad = false
        for job in jobs {
            let ended = try JobWatch(job, isJSON: json || !Terminal.isInteractive).follow(by: remote)
            isBad = isBad || ended.status != .succeeded
        }
        if isBad { throw ExitCode(Failure.Code.badData.rawValue) }
    }
}

/// One job's events, to its end.
final class JobWatch {
    /// The server says something every fifteen seconds.
    private static let silence = Duration.seconds(60)
    /// Whatever a server wants, the stream is asked for again after this.
    private static let longestPause = Duration.seconds(30)
    private let id: String
    private let isJSON: Bool
    private let line = RunningLine()
    private var last: JobReply
    private var events = EventReader()
    private var hasEnded = false
    /// Events that came.
    private var count = 0

    init(_ job: JobReply, isJSON: Bool) { (id, last, self.isJSON) = (job.id, job, isJSON) }

    /// Follows the job.
    ///
    /// - Returns: how it ended
    func follow(by remote: Remote) throws -> JobReply {
        while !hasEnded {
            let outcome = try remote.settled(status: { ($0.code, $0.retryAfter) }) { client throws(ClientError) in
                try stream(client, remote)
            }
            if let error = outcome.error { throw error }
            guard outcome.code == 200 else { throw ServerProblem(outcome.code, outcome.body).failure("job \(id)") }
            if !hasEnded { try remote.wait(min(events.pause ?? .seconds(1), Self.longestPause)) }
        }
        line.clear()
        if !isJSON { try Terminal.print(Array("\(id) \(last.status.rawValue)\(reason)".utf8)) }
        return last
    }

    private var reason: String { last.status == .succeeded ? "" : ": \(last.reason)" }

    /// What became of one stream.
    private struct Outcome {
        var code: Int
        var retryAfter: String?
        var body: [UInt8] = []
        /// What came that can't be, or can't be written.
        var error: (any Error)?
    }

    /// Takes a stream until it ends or breaks. One that brought nothing before that is as none.
    private func stream(_ client: HTTPClient, _ remote: Remote) throws(ClientError) -> Outcome {
        client.largestBody = EventReader.largest
        var fields: [(name: String, value: String)] = [("Accept", "text/event-stream")]
        if !events.lastID.isEmpty { fields.append(("Last-Event-ID", events.lastID)) }
        events = EventReader(from: events.lastID)
        let message = remote.request("GET", "/jobs/\(id)/events", fields: fields).bytes
        let head = try client.open(message, by: remote.deadline(Self.silence))
        var outcome = Outcome(code: head.status, retryAfter: head.retryAfter)
        let before = count
        while true {
            let piece: [UInt8]?
            do throws(ClientError) { piece = try client.nextPiece(by: remote.deadline(Self.silence)) } catch {
                guard head.status == 200, count > before, error.isInterruption else { throw error }
                return outcome
            }
            guard let piece else { break }
            guard head.status == 200 else {
                outcome.body += piece.prefix(64 << 10 - min(outcome.body.count, 64 << 10))
                continue
            }
            do {
                try remote.check()
                try events.consume(piece, failing: { Failure(.unavailable, $0.description) as any Error }) {
                    (event) throws(any Error) in
                    try take(event)
                }
            } catch {
                outcome.error = error
                return outcome
            }
            if hasEnded { return outcome }
        }
        // A server that ends all streams is not asked again and again at once.
        if head.status == 200, count == before { throw .ended(.receiving) }
        return outcome
    }

    private func take(_ event: StreamEvent) throws {
        count += 1
        func isCalled(_ name: String) -> Bool { event.name.hasBytes(of: name) }
        if isCalled("status") || isCalled("end") {
            last = try JobNames.reply { () throws(ReplyError) in
                try JobReply(event.data, of: id)
            }
            hasEnded = isCalled("end")
        }
        guard isJSON else { return show(event) }
        let data: JSONValue
        do throws(JSONError) { data = try JSONReader.parse(event.data) } catch {
            throw Failure(.unavailable, "an event's data is \(error)")
        }
        guard case .object = data else { throw Failure(.unavailable, "an event's data is no object") }
        let line = JSONWriter.document { json in
            json.object { json in
                json.member("event", event.name)
                json.member("job", id)
                json.member("id", event.id)
                json.key("data")
                json.raw(OneLine.of(event.data))
            }
        }
        try Terminal.print(line, asJSON: true)
    }

    private func show(_ event: StreamEvent) {
        var (done, all) = (last.chunksDone, last.chunks)
        if event.name.hasBytes(of: "progress"), let value = try? JSONReader.parse(event.data) {
            done = value["chunks_done"]?.integer ?? done
            all = value["chunks"]?.integer ?? all
        }
        let place = last.queuePosition.map { ", place \($0) in the queue" } ?? ""
        let text = "\(id) \(last.status.rawValue)\(place), \(done)/\(all.map { "\($0)" } ?? "?") chunks"
        line.show {
            RunningLine.bar(min(max(done, 0), max(all ?? 1, 1)), of: max(all ?? 1, 1), before: text, columns: $0)
        }
    }
}
