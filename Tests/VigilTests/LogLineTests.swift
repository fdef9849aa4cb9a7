import Foundation
import Jobs
import Logging
import Platform
import Testing

@testable import vigil

@Suite("Lines of the log")
struct LogLineTests {
    private let time = WallTime(milliseconds: 1_767_225_600_000)

    @Test("an event is one line in either form, with its fields in order")
    func forms() {
        let fields: Logger.Metadata = ["url": "http://a:1", "model": "my model", "empty": ""]
        let text = LogLine(.text, at: time, .info, "listening", fields).bytes
        #expect(
            String(decoding: text, as: UTF8.self)
                == "2026-01-01T00:00:00.000Z info listening empty=\"\" model=\"my model\" url=http://a:1\n")
        let json = LogLine(.json, at: time, .info, "listening", fields).bytes
        #expect(
            String(decoding: json, as: UTF8.self) == """
                {"time":"2026-01-01T00:00:00.000Z","level":"info","message":"listening","empty":"","model":"my model",\
                "url":"http://a:1"}

                """)
    }

    @Test("numbers are numbers in JSON, sizes in bytes, and what only looks like one is a text")
    func numbers() throws {
        let fields: Logger.Metadata = [
            "workers": .stringConvertible(4), "code": .stringConvertible(Int32(78)), "key": "007",
            "memory": .stringConvertible(ByteCount(3 << 30)),
        ]
        let json = String(decoding: LogLine(.json, at: time, .info, "x", fields).bytes, as: UTF8.self)
        #expect(json.hasSuffix("\"code\":78,\"key\":\"007\",\"memory\":3221225472,\"workers\":4}\n"), "\(json)")
        let text = String(decoding: LogLine(.text, at: time, .info, "x", fields).bytes, as: UTF8.self)
        #expect(text.hasSuffix(" x code=78 key=007 memory=\"3221225472 bytes (3072 MiB)\" workers=4\n"), "\(text)")
    }

    @Test("no field can begin another line, or hide what the line says of itself", arguments: LogForm.allCases)
    func forging(form: LogForm) throws {
        let fields: Logger.Metadata = ["time": "never", "level": "\u{1B}[2J", "message": "a\nb", "x": "\"\\\u{85}\r"]
        let line = LogLine(form, at: time, .warning, "what\never", fields).bytes
        #expect(line.filter { $0 == 10 }.count == 1 && line.last == 10)
        #expect(line.allSatisfy { $0 >= 0x20 || $0 == 10 })
        guard form == .json else { return }
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: String])
        #expect(object["level"] == "warning" && object["message"] == "what\never" && object["time_"] == "never")
    }

    @Test(
        "SIGUSR1 tells more with each signal, and then what was set again",
        arguments: [
            (Logger.Level.info, [Logger.Level.debug, .trace, .info]), (.trace, [.trace]), (.debug, [.trace, .debug]),
            (.critical, [.info, .debug, .trace, .critical]),
        ])
    func levels(standard: Logger.Level, expected: [Logger.Level]) {
        var level = standard
        for next in expected {
            level = LogLevelSwitch.next(after: level, standard: standard)
            #expect(level == next)
        }
    }
}
