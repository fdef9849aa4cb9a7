import Formats
import Foundation
import HTTP
import Jobs
import Testing

@testable import API
@testable import Scoring

@Suite("A job's events", .timeLimit(.minutes(10)))
struct JobEventTests {
    let running: EventService

    init() throws { running = try EventService() }

    private var service: VigilService { running.service }

    /// The numbers at the end of a path of names, as they are in the text.
    private func numbers(_ node: APIDescription.Node, _ path: String...) -> [Double] {
        var value: Any? = node
        for name in path { value = (value as? APIDescription.Node)?[name] }
        func flat(_ value: Any?) -> [Double] {
            switch value {
            case let list as [Any]: list.flatMap { flat($0) }
            case let number as Double: [number]
            case let number as Int: [Double(number)]
            default: []
            }
        }
        return flat(value)
    }

    @Test("a job that is followed from the queue on: its status, each chunk's scores in order, its end")
    func wholeLife() async throws {
        let job = try await running.submit(rows: 61, logits: true)
        let sink = EventSink()
        async let streamed: Void = running.stream(job, into: sink)
        await sink.waitFor("\"queued\"")
        #expect(sink.text.hasPrefix("retry: 2000\n\nevent: status\nid: 0\ndata: {"))
        try service.scoring.start()
        try await streamed
        let events = sink.events
        #expect(events.first?.document["status"] as? String == "queued")
        let scores = events.filter { $0.name == "scores" }
        let starts = stride(from: 0.0, to: 61, by: 8)
        #expect(scores.map(\.id) == ["1", "2", "3", "4", "5", "6", "7", "8"])
        #expect(scores.flatMap { numbers($0.document, "chunk") } == [0, 1, 2, 3, 4, 5, 6, 7])
        #expect(scores.flatMap { numbers($0.document, "start") } == Array(starts))
        let ends: [Double] = starts.map { min($0 + 8, 61) }
        #expect(scores.flatMap { numbers($0.document, "end") } == ends)
        let end = try #require(events.last)
        #expect(end.name == "end" && end.id == "8.end")
        #expect(events.count { $0.name == "end" } == 1)
        #expect(end.document["status"] as? String == "succeeded")
        #expect(end.document["result"] is NSNull || end.document["result"] == nil)

        let output = try #require(try await service.scoring.backlog.output(job.id))
        let result = try #require(ScoreResult(encoded: output.body))
        let whole = EventSink.Event(data: String(decoding: ScoreDocument(result).json, as: UTF8.self)).document
        for path in [["coarse"], ["fine", "scores"], ["logits", "coarse"], ["logits", "fine"]] {
            let last = path.count == 2 ? path[1] : nil
            func list(_ node: APIDescription.Node) -> [Double] {
                last.map { numbers(node, path[0], $0) } ?? numbers(node, path[0])
            }
            #expect(scores.flatMap { list($0.document) } == list(whole) && !list(whole).isEmpty, "\(path)")
        }
        #expect(service.scoring.backlog.metrics.waiters == 0)
        _ = await service.scoring.drain(within: .zero)
    }

    @Test("logits come only where the job asks for them")
    func withoutLogits() async throws {
        try service.scoring.start()
        let job = try await running.finished(rows: 8)
        let scores = try await running.events(job).filter { $0.name == "scores" }
        #expect(scores.count == 1 && scores[0].document["logits"] == nil)
        _ = await service.scoring.drain(within: .zero)
    }

    @Test("whoever comes back after any event gets what is missing, and nothing twice")
    func resumption() async throws {
        try service.scoring.start()
        let job = try await running.finished(rows: 61)
        let all = try await running.events(job)
        let names = ["status"] + Array(repeating: "scores", count: 8) + ["end"]
        #expect(all.map(\.name) == names)
        for (index, event) in all.enumerated().dropLast() {
            let rest = try await running.events(job, after: event.id)
            #expect(rest.first == EventSink.Event(name: "status", id: event.id, data: all[0].data))
            #expect(Array(rest.dropFirst()) == Array(all[(index + 1)...]))
        }
        #expect(try await running.answer(job.id.description, after: "8.end").status == .noContent)
        for garbage in ["9", "x", "-1", "9.end", ""] {
            #expect(try await running.events(job, after: garbage) == all, "\(garbage)")
        }
        _ = await service.scoring.drain(within: .zero)
    }

    @Test("a job that failed or was cancelled ends its stream with the reason, and no score that is no number")
    func otherEnds() async throws {
        let cancelled = try await running.submit(rows: 9)
        let sink = EventSink()
        async let streamed: Void = running.stream(cancelled, into: sink)
        await sink.waitFor("\"queued\"")
        _ = try await service.scoring.backlog.cancel(cancelled.id)
        try await streamed
        #expect(sink.events.map(\.name) == ["status", "status", "end"])
        #expect(sink.events.last?.document["status"] as? String == "cancelled")
        try service.scoring.start()
        let failed = try await running.finished(rows: 20, scale: 1e38)
        let events = try await running.events(failed)
        #expect(events.map(\.name) == ["status", "end"])
        let error = events.last?.document["error"] as? APIDescription.Node
        #expect(error?["type"] as? String == "/problems/not-finite")
        #expect(events.last?.id == "0.end")
        _ = await service.scoring.drain(within: .zero)
    }

    @Test("after 15 seconds of silence a line keeps the stream open")
    func keepAlive() async throws {
        let job = try await running.submit(rows: 9)
        let sink = EventSink()
        let streaming = Task { [running] in try await running.stream(job, into: sink) }
        await sink.waitFor("\"queued\"")
        await running.clock.waitForSleepers(1)
        running.clock.advance(by: .seconds(14))
        #expect(!sink.text.contains(": keep-alive"))
        // The stream may have looked at the job once more meanwhile, and its silence begun anew.
        while !sink.text.contains("\n\n: keep-alive\n\n"), !Task.isCancelled {
            running.clock.advance(by: .seconds(1))
            await Task.yield()
        }
        streaming.cancel()
        await #expect(throws: CancellationError.self) { try await streaming.value }
    }

    @Test("a client that is gone frees its watch, whether it is cancelled or a write finds out")
    func clientGone() async throws {
        let job = try await running.submit(rows: 9)
        let sinks = (0..<20).map { _ in EventSink() }
        let streaming = sinks.map { sink in Task { [running] in try await running.stream(job, into: sink) } }
        for sink in sinks { await sink.waitFor("\"queued\"") }
        #expect(service.scoring.backlog.metrics.waiters == 20)
        for task in streaming[..<10] { task.cancel() }
        for sink in sinks[10...] {
            sink.leave()
            sink.endInput()
        }
        for task in streaming { await #expect(throws: (any Error).self) { try await task.value } }
        #expect(service.scoring.backlog.metrics.waiters == 0)
    }

    @Test("a client that has only ended its side goes on reading, after a line that looks for it")
    func halfClosed() async throws {
        let job = try await running.submit(rows: 9)
        let sink = EventSink()
        async let streamed: Void = running.stream(job, into: sink)
        await sink.waitFor("\"queued\"")
        sink.endInput()
        await sink.waitFor(": keep-alive")
        try service.scoring.start()
        try await streamed
        #expect(sink.events.last?.name == "end")
        _ = await service.scoring.drain(within: .zero)
    }

    @Test("when the service leaves, streams of jobs that have not ended are closed after their last state")
    func draining() async throws {
        let job = try await running.submit(rows: 9)
        let sink = EventSink()
        async let streamed: Void = running.stream(job, into: sink)
        await sink.waitFor("\"queued\"")
        service.scoring.stopAccepting()
        _ = await service.scoring.drain(within: .zero)
        try await streamed
        #expect(sink.events.map(\.name) == ["status"])
        #expect(try await running.events(job).map(\.name) == ["status"], "nor is one that comes later kept waiting")
    }

    @Test("200 streams of one job all get the same")
    func many() async throws {
        let job = try await running.submit(rows: 400)
        let streaming = (0..<200).map { _ in Task { [running] in try await running.events(job) } }
        while service.scoring.backlog.metrics.waiters < 200 { await Task.yield() }
        try service.scoring.start()
        let whole = try await streaming[0].value.filter { $0.name == "scores" }
        #expect(whole.count == 50)
        for task in streaming { #expect(try await task.value.filter { $0.name == "scores" } == whole) }
        #expect(service.scoring.backlog.metrics.waiters == 0)
        _ = await service.scoring.drain(within: .zero)
    }

    @Test("the answer is a stream that nobody stores, holds back or compresses")
    func head() async throws {
        let job = try await running.submit(rows: 9)
        let response = try await running.answer(job.id.description, accept: "text/event-stream")
        #expect(response.fields[.contentType] == "text/event-stream")
        #expect(response.fields[.cacheControl] == "no-store" && response.fields[.accelBuffering] == "no")
        #expect(service.scoring.backlog.metrics.waiters == 0, "nobody follows before the stream begins")
    }

    @Test("an unknown job, another type, and a parameter are refused")
    func refusals() async throws {
        let job = try await running.submit(rows: 9).id.description
        func slug(_ id: String, accept: String? = nil, query: [QueryItems.Item] = []) async -> String? {
            do {
                _ = try await running.answer(id, accept: accept, query: query)
                return nil
            } catch {
                return Problem.of(error)?.slug
            }
        }
        #expect(await slug("01M85BV3QAE4RGA8GVVP3465ME") == "unknown-job")
        #expect(await slug("x") == "unknown-job")
        #expect(await slug(job, accept: "application/json") == "not-acceptable")
        #expect(await slug(job, query: [.init(name: "wait", value: "1")]) == "invalid-parameter")
        #expect(await slug(job, accept: "text/*, */*;q=0.1") == nil)
    }

    @Test("stored logits are read a range at a time, and bytes that are no result not at all")
    func storedLogits() async throws {
        try service.scoring.start()
        let job = try await running.finished(rows: 21)
        let body = try #require(try await service.scoring.backlog.output(job.id)).body
        let result = try #require(ScoreResult(encoded: body))
        let stored = try #require(StoredLogits(encoded: body))
        #expect(stored.result.labels == result.labels && stored.result.options == result.options)
        #expect(stored.snippets == 21)
        for start in 0...21 {
            for end in start...21 {
                let logits = stored.logits(of: start..<end)
                #expect(logits?.coarse == Array(result.logits.coarse[start..<end]))
                #expect(logits?.fine == Array(result.logits.fine[3 * start..<3 * end]))
            }
        }
        #expect(stored.logits(of: 20..<22) == nil)
        for count in 0..<body.count { #expect(StoredLogits(encoded: Array(body[..<count])) == nil) }
        #expect(StoredLogits(encoded: body + [0]) == nil)
        _ = await service.scoring.drain(within: .zero)
    }
}
