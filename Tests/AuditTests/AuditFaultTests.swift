import Foundation
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Audit

@Suite("an audit log that others change, or that can't be written to its end")
struct AuditFaultTests {
    private let folder: ScratchFolder
    private let path: String
    private let events = Events()

    private final class Events: Sendable {
        private let list = Mutex<[AuditLog.Event]>([])
        var all: [AuditLog.Event] { list.withLock { $0 } }
        func add(_ event: AuditLog.Event) { list.withLock { $0.append(event) } }
    }

    init() throws {
        folder = try ScratchFolder()
        path = folder.path + "/audit.log"
    }

    private func log(
        _ path: String? = nil, write: @escaping AuditFile.Write = AuditFile.systemWrite
    ) throws -> AuditLog {
        try AuditLog(
            path: path ?? self.path, syncing: .always, version: "1", now: { "now" },
            report: { [events] in events.add($0) },
            write: write)
    }

    private func entry(_ number: Int, _ key: String = "alice") -> AuditEntry {
        var entry = AuditEntry(.submit)
        (entry.key, entry.job, entry.address, entry.status) = (key, "job-\(number)", "127.0.0.1", 202)
        return entry
    }

    private func write(_ keys: String...) async throws {
        let log = try log()
        for (number, key) in keys.enumerated() { #expect(await log.add([entry(number, key)])) }
        await log.finish(within: .seconds(60))
    }

    private func text(_ path: String? = nil) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path ?? self.path)), as: UTF8.self)
    }

    private func put(_ text: String, _ path: String? = nil) throws {
        try Data(text.utf8).write(to: URL(filePath: path ?? self.path))
    }

    private func actions() throws -> [String] {
        try text().split(separator: "\n").compactMap { AuditLine(Array($0.utf8))?.action }
    }

    private func reason(_ path: String? = nil) -> String? {
        do throws(AuditCheckError) { _ = try AuditCheck().run([path ?? self.path]) } catch {
            if case .fault(let fault) = error { return fault.reason }
            return "unreadable"
        }
        return nil
    }

    /// A disk that is full for lines of these actions, once it is.
    private final class Disk: Sendable {
        let refused = Mutex<[String]>([])

        func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
            let text = String(decoding: bytes, as: UTF8.self)
            guard refused.withLock({ $0.contains { text.contains("\"action\":\"\($0)\"") } }) else {
                return AuditFile.systemWrite(descriptor, bytes)
            }
            errno = ENOSPC
            return -1
        }
    }

    @Test("what can't be written until the end is counted by a line before the last, which is short")
    func gapAtTheEnd() async throws {
        let disk = Disk()
        let log = try log { disk.write($0, $1) }
        disk.refused.withLock { $0 = ["submit"] }
        #expect(await log.add([entry(1), entry(2)]) == false)
        #expect(await log.add([entry(3)]) == false)
        await log.finish(within: .seconds(60))
        #expect(try actions() == ["start", "gap", "stop"])
        let report = try AuditCheck().run([path])
        #expect(report.missing == 3 && report.lines == 3 && report.witness == report.place)
        #expect(log.statistics.missing == 3)
    }

    @Test("where not even that can be written the witness tells, a check does, and the next start says so in the log")
    func gapInTheWitness() async throws {
        let disk = Disk()
        let log = try log { disk.write($0, $1) }
        #expect(await log.add([entry(0)]))
        disk.refused.withLock { $0 = ["submit", "gap", "stop"] }
        #expect(await log.add([entry(1), entry(2)]) == false)
        // As it would be found if the process were killed now.
        await waitUntil { ((try? AuditCheck().run([path]).missing) ?? 0) == 2 }
        #expect(await log.add([entry(3)]) == false)
        await log.finish(within: .seconds(60))
        #expect(try actions() == ["start", "submit"])
        #expect(try AuditCheck().run([path]).missing == 3)
        for _ in 0..<2 { await (try self.log()).finish(within: .seconds(60)) }
        #expect(try actions() == ["start", "submit", "start", "gap", "stop", "start", "stop"])
        #expect(try AuditCheck().run([path]).missing == 3)
        #expect(events.all.filter { $0 == .missing(3) }.count == 1)
    }

    @Test("lines that came after the witness was written are not missing")
    func staleWitness() {
        let head = AuditHead(AuditPlace(number: 7, digest: AuditPlace.beginning.digest), missing: 3)
        #expect([7, 8, 10, 99].map { head.missing(at: $0) } == [3, 2, 0, 0])
    }

    @Test(
        "a log that is removed under the server, or its folder, is failing; a new one can be begun",
        arguments: [true, false])
    func removed(isFolder: Bool) async throws {
        let place = folder.path + "/d"
        let path = place + "/a.log"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        let log = try log(path)
        #expect(await log.add([entry(1)]))
        try FileManager.default.removeItem(atPath: isFolder ? place : path)
        await waitUntil { log.isFailing }
        #expect(await log.add([entry(2)]) == false)
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        log.reopen()
        await waitUntil { !log.isFailing }
        #expect(await log.add([entry(3)]))
        await log.finish(within: .seconds(60))
        let lines = try text(path)
        #expect(lines.contains("job-2") && lines.contains("job-3") && !lines.contains("job-1"))
        #expect(reason(path)?.contains("the file before it") == true, "what was removed is not passed over")
        let failing = events.all.first { if case .failing(.displaced) = $0 { true } else { false } }
        #expect(failing != nil)
    }

    @Test("a witness that is removed alone is made anew")
    func witnessRemoved() async throws {
        let log = try log()
        try FileManager.default.removeItem(atPath: path + ".head")
        await waitUntil { log.isFailing }
        log.reopen()
        await waitUntil { !log.isFailing }
        #expect(await log.add([entry(1)]))
        await log.finish(within: .seconds(60))
        let report = try AuditCheck().run([path])
        #expect(report.lines == 3 && report.witness == report.place)
    }

    @Test(
        "a log that was moved away is written to for a minute, until whoever did it says so", arguments: [true, false])
    func moved(isReplaced: Bool) throws {
        let box = FileBox(try AuditFile(path, write: AuditFile.systemWrite), .beginning)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        if isReplaced { try put("") }
        let start = MonotonicTime.now
        try box.look(at: start + .seconds(2))
        try box.look(at: start + .seconds(61))
        #expect(throws: AuditError.self) { try box.look(at: start + .seconds(62)) }
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".1", toPath: path)
        try box.look(at: start + .seconds(63))
    }

    /// Lines as somebody would write them who can: numbered and chained anew.
    private func chained(_ lines: [String]) -> String {
        var (text, previous) = ("", AuditPlace.beginning.digest)
        for (index, line) in lines.enumerated() {
            let own =
                line.replacing(/"number":[0-9]+/, with: "\"number\":\(index + 1)")
                .replacing(/"prev":"[0-9a-f]+"/, with: "\"prev\":\"\(previous)\"") + "\n"
            previous = AuditLine.digest(of: Array(own.utf8))
            text += own
        }
        return text
    }

    @Test(
        "a log that was written anew with as many lines, or more, is not gone on with unseen", arguments: [0, 1, 400])
    func rewritten(more: Int) async throws {
        try await write("alice", "bob", "alice")
        var lines = try text().split(separator: "\n").map(String.init)
        lines[2] = lines[1]
        lines += [String](repeating: lines[1], count: more)
        try put(chained(lines))
        await (try log()).finish(within: .seconds(60))
        #expect(events.all == [.lost(upTo: 5)])
        #expect(reason()?.contains("missing or were changed, up to number 5") == true)
    }

    @Test(
        "lines that the witness has not heard of are taken where they follow the one that it knows",
        arguments: [1, 900])
    func witnessBehind(count: Int) async throws {
        try await write("alice")
        let head = try text(path + ".head")
        try await write([String](repeating: "bob", count: count))
        try put(head, path + ".head")
        await (try log()).finish(within: .seconds(60))
        #expect(events.all == [] && reason() == nil)
    }

    private func write(_ keys: [String]) async throws {
        let log = try log()
        #expect(await log.add(keys.enumerated().map { entry($0, $1) }))
        await log.finish(within: .seconds(60))
    }

    @Test("a log whose witness is gone or can't be read says so once it goes on", arguments: [nil, "", "garbage\n"])
    func unwitnessed(head: String?) async throws {
        try await write("alice", "bob")
        let cut = try text().split(separator: "\n").prefix(3).joined(separator: "\n") + "\n"
        try put(cut)
        if let head {
            try put(head, path + ".head")
        } else {
            try FileManager.default.removeItem(atPath: path + ".head")
        }
        await (try log()).finish(within: .seconds(60))
        #expect(events.all == [.unwitnessed])
        #expect(try AuditCheck().run([path]).unwitnessed == [4])
    }

    @Test("a server that can't begin leaves no files that were not there, and the lines of those that were")
    func withdrawn() async throws {
        await (try log()).withdraw(within: .seconds(60))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
        try await write("alice")
        let before = try text()
        await (try log()).withdraw(within: .seconds(60))
        #expect(try text().hasPrefix(before))
        #expect(try actions() == ["start", "submit", "stop", "start", "stop"])
        #expect(reason() == nil && events.all == [])
    }

    @Test("what a server that can't begin has written down already stays")
    func withdrawnLate() async throws {
        let log = try log()
        #expect(await log.add([entry(1)]))
        await log.withdraw(within: .seconds(60))
        #expect(try actions() == ["start", "submit", "stop"])
        #expect(reason() == nil)
    }

    @Test("a log is one server's by whatever name", arguments: [true, false])
    func otherNames(isHard: Bool) async throws {
        let log = try log()
        let other = folder.path + "/other.log"
        if isHard {
            try FileManager.default.linkItem(atPath: path, toPath: other)
        } else {
            try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: path)
        }
        #expect(throws: AuditError.inUse(path: other)) { try self.log(other) }
        #expect(!FileManager.default.fileExists(atPath: other + ".head"), "who is refused leaves no witness")
        await log.finish(within: .seconds(60))
        await (try self.log(other)).finish(within: .seconds(60))
    }

    @Test("a witness is not written over through a symbolic link")
    func linkedWitness() throws {
        let other = folder.path + "/precious"
        try put("precious", other)
        try FileManager.default.createSymbolicLink(atPath: path + ".head", withDestinationPath: other)
        let error = #expect(throws: AuditError.self) { try log() }
        #expect(error?.description.contains("symbolic link") == true)
        #expect(try text(other) == "precious")
    }
}
