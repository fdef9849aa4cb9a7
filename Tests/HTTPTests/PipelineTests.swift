import HTTPTypes
import TestSupport
import Testing

@testable import HTTP

@Suite("long pipelines (rule 19)", .timeLimit(.minutes(4)))
struct PipelineTests {
    /// Sends a pipeline to a server of its own, and reads its answers in steps that `seed` decides.
    private func answers(
        to pipeline: Pipeline, seed: UInt64 = 1, steps: ClosedRange<Int> = 65_536...65_536, endsSending: Bool = false,
        limits: Limits = Limits(), receiveBuffer: Int32? = nil
    ) async throws -> [Int] {
        var text = ""
        try await TestServer.run {
            $0.limits = limits
            $0.timeouts.keepAliveIdle = .seconds(20)
        } routes: {
            Pipeline.addRoutes(to: &$0)
        } _: { server in
            let port = server.port
            text = try await blocking {
                var random = SeededRandom(seed: seed)
                let client = try RawClient(port: port, receiveBuffer: receiveBuffer)
                return try client.converse(pipeline.bytes, endsSending: endsSending) {
                    .random(in: steps, using: &random)
                }
            }
        }
        return Pipeline.numbers(in: text)
    }

    @Test(
        "all requests of one write are answered, in order", arguments: [250, 300, 600, 2_000], ["/now", "/later"])
    func oneWrite(count: Int, path: String) async throws {
        let pipeline = Pipeline(count, get: path).closing()
        #expect(try await answers(to: pipeline) == Array(0...count))
    }

    @Test("so they are with every limit at its smallest", arguments: [250, 300, 600, 2_000], ["/now", "/stream"])
    func smallLimits(count: Int, path: String) async throws {
        let pipeline = Pipeline(count, get: path).closing()
        #expect(try await answers(to: pipeline, limits: .smallest) == Array(0...count))
    }

    @Test("requests of all kinds are, whatever the client's pace", arguments: 1...6 as ClosedRange<UInt64>, [1, 2])
    func mixed(seed: UInt64, size: Int) async throws {
        var random = SeededRandom(seed: seed)
        let pipeline = Pipeline(300, &random).closing()
        let numbers = try await answers(
            to: pipeline, seed: seed, steps: 1...2_000, limits: size == 1 ? .smallest : Limits(),
            receiveBuffer: seed.isMultiple(of: 2) ? 4_096 : nil)
        #expect(numbers == Array(0...300), "seed \(seed)")
    }

    @Test("the connection ends after the answers of a client that has ended its side, though output was full")
    func endedWhileFull() {
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        for count in 1...40 {
            let connection = StateHarness(limits: .smallest)
            connection.feed(String(repeating: request, count: count))
            connection.endInput()
            #expect(connection.statuses.count == count)
            #expect(connection.isClosed, "\(count) requests")
        }
    }

    @Test("what was sent is let go of, though a client that pipelines never lets the output be empty")
    func sentIsForgotten() {
        var output = OutputQueue()
        output.append([UInt8](repeating: 0x61, count: 100))
        for _ in 0..<10_000 {
            output.append([UInt8](repeating: 0x61, count: 300))
            output.advance(by: 300)
        }
        let held = output.withSegments(limit: .max) { segments, _ in segments.reduce(0) { $0 + $1.count } }
        #expect(output.count == 100)
        #expect(held < 200_000)
    }
}
