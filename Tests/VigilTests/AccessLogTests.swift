import Foundation
import HTTPTypes
import Jobs
import Logging
import Platform
import Testing
import Tracing

@testable import HTTP
@testable import vigil

@Suite("The access log")
struct AccessLogTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let path = FileManager.default.temporaryDirectory.appending(path: "vigil-access-\(UUID()).log").path

    private func record(
        path: String? = "/score", client: ClientIdentity? = .key("alice"), trace: RequestTrace? = nil
    ) -> ExchangeRecord {
        ExchangeRecord(
            address: SocketAddress(host: "192.0.2.7", port: 4000), client: client, method: path == nil ? nil : .post,
            route: path, path: path, requestID: "one", trace: trace, status: path == nil ? nil : .accepted,
            problem: nil, shortage: nil, isComplete: path != nil, duration: .nanoseconds(1_234_567), bodyBytes: 10,
            answerBytes: 20)
    }

    private func lines() throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test("a line has the exchange in JSON")
    func line() {
        let time = WallTime(milliseconds: 1_767_225_600_000)
        #expect(
            String(decoding: record().line(.json, at: time), as: UTF8.self) == """
                {"time":"2026-01-01T00:00:00.000Z","level":"info","message":"request","address":"192.0.2.7","key":"alice","method":"POST","path":"/score",\
                "status":202,"complete":true,"request_bytes":10,"response_bytes":20,"milliseconds":1.235,\
                "request_id":"one"}

                """)
        let nobody = record(path: nil, client: .address("192.0.2.7"))
        let json = String(decoding: nobody.line(.json, at: time), as: UTF8.self)
        #expect(json.contains(#""key":null,"method":null,"path":null,"status":null,"complete":false"#))
        let text = String(decoding: nobody.line(.text, at: time), as: UTF8.self)
        #expect(
            text == """
                2026-01-01T00:00:00.000Z info request address=192.0.2.7 complete=false request_bytes=10 response_bytes=20 \
                milliseconds=1.235 request_id=one

                """)
    }

    @Test("a line has the name of its trace, where that is recorded or somebody else has made it")
    func traces() throws {
        let context = try #require(
            TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", state: nil))
        func line(_ trace: RequestTrace) -> String {
            String(decoding: record(trace: trace).line(.text, at: WallTime(milliseconds: 0)), as: UTF8.self)
        }
        #expect(
            line(RequestTrace(context, parent: context.spanID)).contains(" trace_id=0af7651916cd43dd8448eb211c80319c"))
        #expect(!line(RequestTrace(context, parent: nil)).contains("trace_id"))
    }

    @Test("a path can't forge a line", arguments: ["/a\nb", "/a\"}", "/\u{0}\r\n{}", "/\u{2028}\\"])
    func forging(path: String) throws {
        let text = record(path: path).line(.text, at: WallTime(milliseconds: 0))
        #expect(text.filter { $0 == UInt8(ascii: "\n") }.count == 1 && text.allSatisfy { $0 >= 0x20 || $0 == 10 })
        let line = record(path: path).line(.json, at: WallTime(milliseconds: 0))
        #expect(line.filter { $0 == UInt8(ascii: "\n") }.count == 1 && line.last == UInt8(ascii: "\n"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        #expect(object["path"] as? String == path)
    }

    @Test("lines are in the file when it is finished, after those that were there")
    func writing() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "before\n".write(toFile: path, atomically: true, encoding: .utf8)
        let log = try AccessLog(path: path, form: .json, logger: logger)
        for _ in 0..<1_000 { log.add(record()) }
        await log.finish()
        let lines = try lines()
        #expect(lines.count == 1_001 && lines[0] == "before" && lines[1...].allSatisfy { $0.hasSuffix("}") })
    }

    @Test("once it is opened again lines go to the new file")
    func reopening() async throws {
        let moved = path + ".1"
        defer { for file in [path, moved] { try? FileManager.default.removeItem(atPath: file) } }
        let log = try AccessLog(path: path, form: .text, logger: logger)
        log.add(record(path: "/first"))
        await log.finish()
        try FileManager.default.moveItem(atPath: path, toPath: moved)
        log.reopen()
        log.add(record(path: "/second"))
        await log.finish()
        let lines = try lines()
        #expect(lines.count == 1 && lines[0].contains("/second"))
    }

    @Test("a file that can't be opened is an error")
    func unusable() {
        #expect(throws: (any Error).self) { try AccessLog(path: "/nowhere/access.log", form: .text, logger: logger) }
    }
}
